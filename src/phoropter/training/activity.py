"""How many units of a network never answer, or always say the same; and what drops some."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from torch import Tensor, nn
from torch.nn.modules.dropout import _DropoutNd
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

_DROPPING = frozenset(
    ("dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout", "feature_alpha_dropout")
)
_ATTENTION = "scaled_dot_product_attention"  # it drops whenever it is told a share

NEAR_END = 0.01
"""Distance from an end, as a share of the range, at which the slope is below 4 % of the largest."""


@dataclass(frozen=True, slots=True)
class Drop:
    """Dropout that was called as a function.

    Args:
        layer: What called it.
        training: Whether that was in train mode.
        active: Whether anything was dropped.
    """

    layer: nn.Module
    training: bool
    active: bool


class Activity:
    """The share of inactive units of every activation, on the samples that pass through.

    Layers are known by their class, or by its name where they come from elsewhere; functions
    (`torch.relu(x)`) are heard by what is called, and named after the layer that calls them.

    Args:
        network: Its modules are watched.

    Attributes:
        inactive: The shares, by the name of the layer or function.
        drops: Calls of dropout in the last block, by name (`block.dropout()`).
    """

    def __init__(self, network: nn.Module) -> None:
        self._network = network
        self.inactive: dict[str, float] = {}
        self.drops: dict[str, Drop] = {}

    @contextmanager
    def watched(self, *, inside: bool = False, measured: bool = True) -> Iterator[None]:
        """Inside the block, the first batch through each activation is measured.

        Args:
            inside: Whether the block begins in a forward pass of the network, before any layer.
            measured: Whether activations are; else calls of dropout are noted alone.
        """
        heard = _Heard(measured=measured)
        handles = [
            handle
            for name, module in self._network.named_modules()
            if _may_call(module)
            for handle in _hooks(module, name, heard)
        ]
        if inside:
            heard.enter("", None if _is_one_thing(self._network) else self._network)
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()
            heard.close()
            self.drops = heard.drops
            if measured:
                self.inactive = {name: float(share) for name, share in heard.shares.items()}


class _Heard(TorchFunctionMode):
    """What the layers under way call, and what came of it."""

    def __init__(self, *, measured: bool) -> None:
        super().__init__()
        self.shares: dict[str, Tensor] = {}
        self.drops: dict[str, Drop] = {}
        self._measured = measured
        self._closed = False
        self._under_way: list[tuple[str, nn.Module | None]] = []
        self._calls: Counter[str] = Counter()

    def enter(self, name: str, layer: nn.Module | None) -> None:
        """A layer begins; None for one whose calls are those that make it what it is."""
        if self._closed:  # in a hook of the pass that was just beginning
            return
        if not self._under_way:
            self._calls.clear()
            self.__enter__()  # type: ignore[no-untyped-call]  # torch's
        self._under_way.append((name, layer))

    def leave(self) -> None:
        """It has ended, by an error perhaps."""
        self._under_way.pop()
        if not self._under_way:
            self.__exit__(None, None, None)  # type: ignore[no-untyped-call]  # torch's

    def close(self) -> None:
        """Ends what a pass that never ended left behind: somebody stopped the program in it."""
        self._closed = True
        while self._under_way:
            self.leave()

    def note(self, name: str, outputs: object, ends: Ends | None) -> None:
        """What an activation gave; its first batch counts."""
        new = self._measured and name not in self.shares
        if new and isinstance(outputs, Tensor) and outputs.ndim >= 2:
            self.shares[name] = inactive_share(outputs.detach(), ends)

    @override
    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        named = kwargs or {}
        outputs = func(*args, **named)
        called = getattr(func, "__name__", "").rstrip("_")
        layer = self._under_way[-1][1] if self._under_way else None
        if layer is None:
            return outputs
        if called in _FUNCTIONS:
            self.note(self._name(called), outputs, _FUNCTIONS[called])
        elif (active := _drops(called, args, named)) is not None:
            drop = Drop(layer, layer.training, active)
            self.drops.setdefault(f"{self._name(called)}()", drop)
        return outputs

    def _name(self, called: str) -> str:
        """A call by the layer under way, with its number in it from the second on."""
        name = f"{self._under_way[-1][0]}.{called}".lstrip(".")
        self._calls[name] += 1
        return f"{name}_{self._calls[name]}" if self._calls[name] > 1 else name


def _drops(called: str, args: tuple[Any, ...], named: Mapping[str, Any]) -> bool | None:
    """Whether a call drops anything; None where it never does.

    As torch declares them: `dropout(input, p, training)`, whose modes are called `train` in
    `torch.dropout`, and `scaled_dot_product_attention(query, key, value, mask, dropout_p)`.
    """
    if called == _ATTENTION:
        share = named.get("dropout_p", args[4] if len(args) > 4 else 0.0)
        return True if share > 0 else None
    if called not in _DROPPING or named.get("p", args[1] if len(args) > 1 else 0.5) <= 0:
        return None
    told = args[2] if len(args) > 2 else True
    return bool(named.get("training", named.get("train", told)))


def _hooks(module: nn.Module, name: str, heard: _Heard) -> Iterator[RemovableHandle]:
    """Copies of the network made meanwhile are not heard."""
    enter = partial(heard.enter, name, None if _is_one_thing(module) else module)
    yield module.register_forward_pre_hook(Ear(lambda *_: enter()))
    if _is_activation(module):
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


def _is_one_thing(module: nn.Module) -> bool:
    """Whether it is an activation or a dropout itself."""
    return _is_activation(module) or isinstance(module, _DropoutNd)


def _may_call(module: nn.Module) -> bool:
    """Whether activations may be called in it: torch's own layers without parts are none or one."""
    theirs = type(module).__module__.startswith("torch.nn.")
    return _is_one_thing(module) or not theirs or next(module.children(), None) is not None


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
