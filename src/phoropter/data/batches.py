"""The order in which training sees its samples."""

from __future__ import annotations

from collections.abc import Iterator

from phoropter.core.records import Rows
from phoropter.core.seed import generator


def batches(
    rows: Rows, batch_size: int, *, seed: int, epoch: int, start: int = 0
) -> Iterator[Rows]:
    """The rows of one pass in a fresh random order, `batch_size` at a time, the rest last.

    The order depends on seed and epoch alone, so a resumed run goes on with `start`, the index of
    the first batch it has not seen.

    >>> import numpy as np
    >>> [len(batch) for batch in batches(np.arange(5), 2, seed=0, epoch=1)]
    [2, 2, 1]
    """
    if batch_size < 1:
        message = f"The batch size must be at least 1, got {batch_size}."
        raise ValueError(message)
    order = generator(seed, "order", epoch).permutation(rows)
    for first in range(start * batch_size, len(order), batch_size):
        yield order[first : first + batch_size]
