"""The layers of a network in order, from the input to the head, for whatever treats them apart."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any

from torch import Tensor, nn

from phoropter.models.network import Network

_CHAINS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)
_Names = list[list[str]]


@dataclass(frozen=True, slots=True, eq=False)
class LayerGroup:
    """A layer, or a block of layers that belong together.

    Args:
        parameters: Those that are to be trained.
        statistics: Modules in it that keep something besides parameters: batch normalisation.
    """

    parameters: tuple[nn.Parameter, ...]
    statistics: tuple[nn.Module, ...]


def layer_groups(network: nn.Module) -> tuple[LayerGroup, ...]:
    """The groups from the input to the head; every parameter to be trained is in one of them.

    timm's networks say which of their parameters belong together (`group_matcher`, a block each).
    Of others a group is a child of the network, in the order in which the children were made;
    chains of layers and children with more than half of all parameters are opened, and what has
    only vectors (a normalisation) belongs to the layer before it.

    >>> layers = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.ReLU(), nn.Linear(3, 1))
    >>> [len(group.parameters) for group in layer_groups(layers)]
    [4, 2]
    """
    if isinstance(network, Network):
        names = [*_prefixed("trunk.", _names(network.trunk)), *_prefixed("head.", _whole(network))]
    else:
        names = _names(network)
    return tuple(_groups(network, names))


def _whole(network: Network) -> _Names:
    """The head is one group: all of it is new."""
    return [[name for name, _ in _tensors(network.head)]]


def _prefixed(prefix: str, names: _Names) -> _Names:
    return [[f"{prefix}{name}" for name in group] for group in names]


def _groups(network: nn.Module, names: _Names) -> Iterator[LayerGroup]:
    """The groups of those names that have something to train; others join their neighbours."""
    parameters = {name: p for name, p in network.named_parameters() if p.requires_grad}
    keepers = {
        f"{at}.{name}".lstrip("."): module
        for at, module in network.named_modules()
        for name, value in module.named_buffers(recurse=False)
        if value.is_floating_point()
    }
    waiting: list[nn.Module] = []
    made: list[LayerGroup] = []
    for group in names:
        own = tuple(parameters[name] for name in group if name in parameters)
        waiting += dict.fromkeys(keepers[name] for name in group if name in keepers)
        if own:
            made.append(LayerGroup(own, tuple(waiting)))
            waiting = []
    if waiting and made:
        made[-1] = LayerGroup(made[-1].parameters, (*made[-1].statistics, *waiting))
    yield from made


def _names(module: nn.Module) -> _Names:
    """Names of the parameters and buffers of every layer."""
    matcher = getattr(module, "group_matcher", None)
    if callable(matcher):
        return _by_matcher(module, matcher(coarse=False))
    half = sum(p.numel() for p in module.parameters()) / 2
    tensors = dict(_tensors(module))
    joined: _Names = []
    for layer in _by_children(module, "", half=half):
        if joined and all(tensors[name].ndim < 2 for name in layer):
            joined[-1] += layer
        else:
            joined.append(layer)
    return joined


def _by_matcher(module: nn.Module, matcher: Any) -> _Names:
    """The groups of timm; buffers are where the parameters of the same module are."""
    from timm.models import group_parameters

    groups = group_parameters(module, matcher)
    names = [list(groups[at]) for at in sorted(groups)]
    owner = {name.rpartition(".")[0]: at for at, group in enumerate(names) for name in group}
    for name, _ in module.named_buffers():
        if (place := name.rpartition(".")[0]) in owner:
            names[owner[place]].append(name)
    return names


def _by_children(module: nn.Module, prefix: str, *, half: float) -> _Names:
    own = [f"{prefix}{name}" for name, _ in _tensors(module, recurse=False)]
    layers: _Names = []
    for name, child in module.named_children():
        at = f"{prefix}{name}."
        size = sum(p.numel() for p in child.parameters())
        if isinstance(child, _CHAINS) or size > half:
            layers += _by_children(child, at, half=half)
        else:
            layers.append([f"{at}{inner}" for inner, _ in _tensors(child)])
    layers = [layer for layer in layers if layer]
    if not own:
        return layers
    # What a module holds itself (position embeddings, tokens) is added at its input.
    return [own + layers[0], *layers[1:]] if layers else [own]


def _tensors(module: nn.Module, *, recurse: bool = True) -> list[tuple[str, Tensor]]:
    parameters = module.named_parameters(recurse=recurse)
    return list(chain(parameters, module.named_buffers(recurse=recurse)))
