"""The weights of the best pass so far."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn


class BestWeights:
    """Keeps a copy of the weights with the lowest monitored loss.

    The validation loss decides, not the metric: it is a proper score, which falls with every
    sample that is judged better, while a metric such as accuracy moves in jumps of whole samples
    and so picks its winner by luck (and would leave the probabilities uncalibrated).
    """

    def __init__(self) -> None:
        self.loss = math.inf
        self.epoch = 0
        self.weights: dict[str, Tensor] = {}

    def offer(self, network: nn.Module, *, loss: float, epoch: int) -> None:
        """Copies the weights if `loss` is the lowest seen, or the first of all."""
        if loss < self.loss or not self.weights:
            self.loss, self.epoch = loss, epoch
            self.weights = {k: v.detach().clone() for k, v in network.state_dict().items()}

    def restore(self, network: nn.Module) -> None:
        """Gives the network the kept weights."""
        network.load_state_dict(self.weights)

    def state_dict(self) -> dict[str, Any]:
        """What a resumed run must know."""
        return {"loss": self.loss, "epoch": self.epoch, "weights": self.weights}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """The reverse of `state_dict`."""
        self.loss, self.epoch = state["loss"], state["epoch"]
        self.weights = dict(state["weights"])
