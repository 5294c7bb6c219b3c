"""How many units of a network never answer, or always say the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn

CUTTING = (nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.PReLU, nn.ELU, nn.GELU, nn.SiLU, nn.Hardswish)
"""Activations that answer little below zero; a unit that is never above it is dead."""

SQUASHING = (nn.Tanh, nn.Sigmoid, nn.Hardsigmoid)
"""Activations with two flat ends; a unit that is always near one of them passes no gradient."""

NEAR_END = 0.01
"""Distance from an end, as a share of the range, at which the slope is below 4 % of the largest."""


class Activity:
    """The share of inactive units of every activation layer, on the samples that pass through.

    Args:
        network: Its modules are watched; activations that are mere functions are not seen.
    """

    def __init__(self, network: nn.Module) -> None:
        self._layers = {
            name: module
            for name, module in network.named_modules()
            if isinstance(module, CUTTING + SQUASHING)
        }
        self.inactive: dict[str, float] = {}

    @property
    def watches(self) -> bool:
        """Whether the network has activation layers at all."""
        return bool(self._layers)

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Inside the block, the first batch through each layer is measured."""
        seen: dict[str, Tensor] = {}
        handles = [
            module.register_forward_hook(_noting(seen, name))
            for name, module in self._layers.items()
        ]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()
            self.inactive = {name: float(share) for name, share in seen.items()}


def _noting(seen: dict[str, Tensor], name: str) -> Callable[[nn.Module, Any, Any], None]:
    def note(module: nn.Module, _inputs: Any, outputs: Any) -> None:
        if name not in seen and isinstance(outputs, Tensor) and outputs.ndim >= 2:
            seen[name] = inactive_share(module, outputs.detach())

    return note


def inactive_share(module: nn.Module, outputs: Tensor) -> Tensor:
    """The share of units that are inactive on every sample, and everywhere in it.

    >>> import torch
    >>> outputs = torch.tensor([[0.0, 2.0], [0.0, 0.0]])
    >>> inactive_share(nn.ReLU(), outputs).item()
    0.5

    Args:
        module: The activation.
        outputs: What it gave: (n, units), (n, tokens, units) or (n, units, height, width).
    """
    if outputs.ndim == 3:
        outputs = outputs.transpose(1, 2)  # tokens come before their features
    values = outputs.flatten(2) if outputs.ndim > 2 else outputs.unsqueeze(2)
    if isinstance(module, CUTTING):
        return (values.amax((0, 2)) <= 0).float().mean()
    low, high = (-1.0, 1.0) if isinstance(module, nn.Tanh) else (0.0, 1.0)
    margin = NEAR_END * (high - low)
    saturated = (values < low + margin) | (values > high - margin)
    return saturated.all(2).all(0).float().mean()
