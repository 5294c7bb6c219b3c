"""Early stopping on the monitored loss."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any


class Patience:
    """Counts the passes since the loss last fell by more than `min_delta`.

    >>> patience = Patience(2, min_delta=0.1)
    >>> [patience.exhausted_after(loss) for loss in (1.0, 0.8, 0.75, 0.79)]
    [False, False, False, True]

    Args:
        passes: How many are borne; 0 is without end.
        min_delta: Smallest fall that counts.
    """

    def __init__(self, passes: int, *, min_delta: float = 0.0) -> None:
        self.passes = passes
        self.min_delta = min_delta
        self.reference = math.inf
        self.waited = 0

    def exhausted_after(self, loss: float) -> bool:
        """Takes note of a pass's loss; whether it was one pass too many."""
        if loss < self.reference - self.min_delta:
            self.reference = loss
            self.waited = 0
        else:
            self.waited += 1
        return 0 < self.passes <= self.waited

    def state_dict(self) -> dict[str, Any]:
        """What a resumed run must know."""
        return {"reference": self.reference, "waited": self.waited}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """The reverse of `state_dict`."""
        self.reference, self.waited = state["reference"], state["waited"]
