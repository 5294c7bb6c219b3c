"""How often the same inputs were asked in an evaluation."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor


class Repeats:
    """Counts how often an evaluation's first batch comes, whatever comes in between.

    That of a loop over the passes comes once a pass, that of a loop over the batches with all its
    passes at once. A copy is kept, for a batch may be written over or loaded anew.

    >>> repeats = Repeats()
    >>> for batch in (torch.zeros(2), torch.ones(2), torch.zeros(2)):
    ...     repeats.note([batch])
    >>> repeats.times
    2
    """

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Another evaluation begins."""
        self._first: list[Tensor] = []
        self.times = 0

    def note(self, inputs: Iterable[Any]) -> None:
        """A batch is asked. What is no tensor in it is passed over.

        Of two lists the longer one may hold what the network is not given: Lightning's batches hold
        the labels too.
        """
        tensors = [x.detach() for x in inputs if isinstance(x, Tensor)]
        if tensors and not self._first:
            self._first = [x.clone() for x in tensors]
        if tensors:
            self.times += all(map(_same, self._first, tensors))


def _same(one: Tensor, other: Tensor) -> bool:
    alike = one.shape == other.shape and one.dtype == other.dtype and one.device == other.device
    return alike and torch.equal(one, other)
