"""Parts and folds in the order of time: what is held out comes after what is trained on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from phoropter.core.errors import NothingUsableError


def unit_moments(table: pl.DataFrame) -> pl.Series:
    """For each row the latest moment among the samples that it stays with.

    So nothing that is trained on is later than it seems: a sample may only come into a later part
    for the company it keeps.

    Args:
        table: Columns `unit` and `moment`.
    """
    return table.select(pl.col("moment").max().over("unit")).to_series()


def runs_of_time(moments: NDArray[np.int64], shares: Sequence[float]) -> NDArray[np.int64]:
    """Cuts samples into runs that follow each other in time; the run of each, shape (n,), int64.

    Samples of one moment are never divided, so that shares are met as nearly as these allow; every
    run has one moment at least.

    Args:
        moments: Numbers that grow with time, shape (n,).
        shares: Wanted share of each run, earliest first; they sum to 1.

    Raises:
        NothingUsableError: If there are fewer different moments than runs.

    >>> runs_of_time(np.array([3, 1, 2, 2, 9]), [0.6, 0.2, 0.2]).tolist()
    [1, 0, 0, 0, 2]
    """
    distinct, place, counts = np.unique(moments, return_inverse=True, return_counts=True)
    if len(distinct) < len(shares):
        raise NothingUsableError(
            f"{len(distinct)} different moments cannot be cut into {len(shares)} runs of time.",
            hint="Name another column with --time, or leave --time out.",
        )
    ends = np.cumsum(counts)
    wanted = np.cumsum(shares)[:-1] * len(moments)
    first = 0
    run = np.zeros(len(distinct), dtype=np.int64)
    for number, position in enumerate(wanted):
        last = len(distinct) - (len(shares) - 1 - number)  # a moment is left for each later run
        first += 1 + int(np.abs(ends[first:last] - position).argmin())
        run[first:] = number + 1
    return run[place]
