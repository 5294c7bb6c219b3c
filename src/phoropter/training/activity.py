"""How many units of a network never answer, or always say the same."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils.hooks import RemovableHandle
from typing_extensions import override

from phoropter.training.ears import Ear

Ends = tuple[float, float]

CUTTING = re.compile("elu|silu|swish|mish")
"""In the name of a layer or a function: it answers little below zero, so that a unit that is never
above zero is dead."""

SQUASHING: Mapping[type[nn.Module], Ends] = {
    nn.Tanh: (-1.0, 1.0),
    nn.Sigmoid: (0.0, 1.0),
    nn.Hardsigmoid: (0.0, 1.0),
}
"""Layers with two flat ends; a unit that is always near one of them passes no gradient."""

_FUNCTIONS: Mapping[str, Ends | None] = {
    **dict.fromkeys(
        ("relu", "relu6", "leaky_relu", "prelu", "elu", "gelu", "silu", "hardswish", "mish")
    ),
    "tanh": (-1.0, 1.0),
}
"""The same as mere functions, with their ends. A sigmoid that is called so is mostly a gate or the
answer itself, which may well be at an end."""

NEAR_END = 0.01
"""Distance from an end, as a share of the range, at which the slope is below 4 % of the largest."""


class Activity:
    """The share of inactive units of every activation, on the samples that pass through.

    Layers are known by their class, or by its name where they come from elsewhere; functions
    (`torch.relu(x)`) are heard by what is called, and named after the layer that calls them.

    Args:
        network: Its modules are watched.
    """

    def __init__(self, network: nn.Module) -> None:
        self._network = network
        self.inactive: dict[str, float] = {}

    @contextmanager
    def watched(self, *, inside: bool = False) -> Iterator[None]:
        """Inside the block, the first batch through each activation is measured.

        Args:
            inside: Whether the block begins in a forward pass of the network, before any layer.
        """
        heard = _Heard()
        handles = [
            handle
            for name, module in self._network.named_modules()
            if _may_call(module)
            for handle in _hooks(module, name, heard)
        ]
        if inside:
            heard.enter(None if _is_activation(self._network) else "")
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()
            heard.close()
            self.inactive = {name: float(share) for name, share in heard.shares.items()}


class _Heard(TorchFunctionMode):
    """What the layers under way call, and what came of it."""

    def __init__(self) -> None:
        super().__init__()
        self.shares: dict[str, Tensor] = {}
        self._under_way: list[str | None] = []
        self._calls: Counter[str] = Counter()

    def enter(self, layer: str | None) -> None:
        """A layer begins; None for one whose calls are no activations of their own."""
        if not self._under_way:
            self._calls.clear()
            self.__enter__()  # type: ignore[no-untyped-call]  # torch's
        self._under_way.append(layer)

    def leave(self) -> None:
        """It has ended, by an error perhaps."""
        self._under_way.pop()
        if not self._under_way:
            self.__exit__(None, None, None)  # type: ignore[no-untyped-call]  # torch's

    def close(self) -> None:
        """Ends what a pass that never ended left behind: somebody stopped the program in it."""
        while self._under_way:
            self.leave()

    def note(self, name: str, outputs: object, ends: Ends | None) -> None:
        """What an activation gave; its first batch counts."""
        if name not in self.shares and isinstance(outputs, Tensor) and outputs.ndim >= 2:
            self.shares[name] = inactive_share(outputs.detach(), ends)

    @override
    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        outputs = func(*args, **(kwargs or {}))
        called = getattr(func, "__name__", "").rstrip("_")
        layer = self._under_way[-1] if self._under_way else None
        if layer is not None and called in _FUNCTIONS:
            name = f"{layer}.{called}".lstrip(".")
            self._calls[name] += 1
            place = f"_{self._calls[name]}" if self._calls[name] > 1 else ""
            self.note(name + place, outputs, _FUNCTIONS[called])
        return outputs


def _hooks(module: nn.Module, name: str, heard: _Heard) -> Iterator[RemovableHandle]:
    """Copies of the network made meanwhile are not heard."""
    activation = _is_activation(module)
    enter = partial(heard.enter, None if activation else name)
    yield module.register_forward_pre_hook(Ear(lambda *_: enter()))
    if activation:
        ends = next((ends for kind, ends in SQUASHING.items() if isinstance(module, kind)), None)
        yield module.register_forward_hook(
            Ear(lambda _module, _inputs, outputs: heard.note(name, outputs, ends))
        )
    yield module.register_forward_hook(Ear(lambda *_: heard.leave()), always_call=True)


def _is_activation(module: nn.Module) -> bool:
    if isinstance(module, tuple(SQUASHING)):
        return True
    single = next(module.children(), None) is None
    return single and CUTTING.search(type(module).__name__.lower()) is not None


def _may_call(module: nn.Module) -> bool:
    """Whether activations may be called in it: torch's own layers without parts are none or one."""
    theirs = type(module).__module__.startswith("torch.nn.")
    return _is_activation(module) or not theirs or next(module.children(), None) is not None


def inactive_share(outputs: Tensor, ends: Ends | None) -> Tensor:
    """The share of units that are inactive on every sample, and everywhere in it.

    >>> import torch
    >>> outputs = torch.tensor([[0.0, 2.0], [0.0, 0.0]])
    >>> inactive_share(outputs, None).item()
    0.5

    Args:
        outputs: What an activation gave: (n, units), (n, tokens, units) or (n, units, height,
            width).
        ends: The least and the largest that it can give; None where it cuts at zero.
    """
    if outputs.ndim == 3:
        outputs = outputs.transpose(1, 2)  # tokens come before their features
    values = outputs.flatten(2) if outputs.ndim > 2 else outputs.unsqueeze(2)
    if ends is None:
        return (values.amax((0, 2)) <= 0).float().mean()
    low, high = ends
    margin = NEAR_END * (high - low)
    saturated = (values < low + margin) | (values > high - margin)
    return saturated.all(2).all(0).float().mean()
