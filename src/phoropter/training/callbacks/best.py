"""The weights of the best passes so far."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn


@dataclass(frozen=True, slots=True, eq=False)
class KeptWeights:
    """A copy of the weights after a pass.

    Args:
        epoch: The pass; 0 is the start.
        loss: What it is ranked by.
        weights: By name.
    """

    epoch: int
    loss: float
    weights: dict[str, Tensor]

    @property
    def rank(self) -> tuple[float, int]:
        """Sorts the best first: the lowest loss, the earlier of equals, "not a number" last."""
        return (math.inf if math.isnan(self.loss) else self.loss, self.epoch)


class BestWeights:
    """Keeps copies of the weights with the lowest monitored losses.

    The validation loss decides, not the metric: it is a proper score, which falls with every
    sample that is judged better, while a metric such as accuracy moves in jumps of whole samples
    and so picks its winner by luck (and would leave the probabilities uncalibrated).

    They are held in memory and in every checkpoint, not written when they come: a run that goes
    on from its checkpoint then finds just the copies it had, whatever it wrote or removed after.

    Args:
        count: How many are kept.
    """

    def __init__(self, count: int = 1) -> None:
        self.count = count
        self.kept: list[KeptWeights] = []

    @property
    def epoch(self) -> int:
        """The pass with the lowest loss."""
        return self.kept[0].epoch

    def offer(self, network: nn.Module, *, loss: float, epoch: int) -> None:
        """Copies the weights if `loss` is among the lowest seen."""
        bare = KeptWeights(epoch, loss, {})
        if len(self.kept) == self.count and bare.rank > self.kept[-1].rank:
            return
        copies = {k: v.detach().clone() for k, v in network.state_dict().items()}
        kept = [*self.kept, KeptWeights(epoch, loss, copies)]
        self.kept = sorted(kept, key=lambda one: one.rank)[: self.count]

    def restore(self, network: nn.Module) -> None:
        """Gives the network the weights of the best pass."""
        network.load_state_dict(self.kept[0].weights)

    def state_dict(self) -> dict[str, Any]:
        """What a resumed run must know."""
        kept = [{"epoch": k.epoch, "loss": k.loss, "weights": k.weights} for k in self.kept]
        return {"kept": kept}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """The reverse of `state_dict`; no more than `count` are taken over."""
        self.kept = [KeptWeights(**values) for values in state["kept"]][: self.count]
