"""A moving average of the weights (Polyak & Juditsky 1992)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn


class WeightAverage:
    """Exponential moving average of weights and running statistics.

    The decay starts low, as min(decay, (1 + n) / (10 + n)), so that the first, random weights are
    forgotten in a short run too.

    Args:
        network: Whose weights are averaged.
        decay: Share of the old average that each step keeps; in (0, 1).
    """

    def __init__(self, network: nn.Module, *, decay: float) -> None:
        self.decay = decay
        self.updates = 0
        self.average = {k: v.detach().clone() for k, v in network.state_dict().items()}

    @torch.no_grad()
    def update(self, network: nn.Module) -> None:
        """Moves the average towards the present weights."""
        self.updates += 1
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        for name, value in network.state_dict().items():
            if value.is_floating_point():
                self.average[name].lerp_(value, 1 - decay)
            else:
                self.average[name].copy_(value)

    @contextmanager
    def applied(self, network: nn.Module) -> Iterator[None]:
        """The network has the averaged weights inside the block, and its own again after it."""
        own = {k: v.detach().clone() for k, v in network.state_dict().items()}
        network.load_state_dict(self.average)
        try:
            yield
        finally:
            network.load_state_dict(own)

    def state_dict(self) -> dict[str, Any]:
        """What a resumed run must know."""
        return {"updates": self.updates, "average": self.average}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """The reverse of `state_dict`."""
        self.updates = state["updates"]
        for name, value in state["average"].items():
            self.average[name].copy_(value)
