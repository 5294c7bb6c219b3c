"""A learning rate that falls where the loss no longer does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from phoropter.training.callbacks.patience import Patience


class Plateau:
    """What the learning rate is multiplied by: less after every `passes` without a fall.

    >>> plateau = Plateau(1, decay=0.5)
    >>> [plateau.factor_after(loss) for loss in (1.0, 0.8, 0.9, 0.9, 0.7)]
    [1.0, 1.0, 0.5, 0.25, 0.25]

    Args:
        passes: How many without a fall are one fall of the rate.
        decay: What the rate is multiplied by then.
        min_delta: Smallest fall of the loss that counts.
    """

    def __init__(self, passes: int, *, decay: float, min_delta: float = 0.0) -> None:
        self.decay = decay
        self.factor = 1.0
        self._patience = Patience(passes, min_delta=min_delta)

    def factor_after(self, loss: float) -> float:
        """Takes note of a pass's loss; the factor from now on."""
        if self._patience.exhausted_after(loss):
            self.factor *= self.decay
            self._patience.waited = 0
        return self.factor

    def state_dict(self) -> dict[str, Any]:
        """What a resumed run must know."""
        return {"factor": self.factor, "patience": self._patience.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """The reverse of `state_dict`."""
        self.factor = state["factor"]
        self._patience.load_state_dict(state["patience"])
