"""Gradients of plain stacks of layers, computed without the autograd engine.

A step of a small network is nearly all bookkeeping: the engine and the Python around it take many
times as long as the arithmetic. Where the network is a chain of layers whose derivatives are known
here (`derivatives`), they are called one after the other, by the kernels and in the order of
autograd, so that the gradients have the same bits. Everything else is left to autograd: `chain_of`
then says None.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.optim import Optimizer

from phoropter.core.protocols import Objective
from phoropter.models.network import LinearHead, Network
from phoropter.tasks.supervised import Losses, Supervised
from phoropter.training.derivatives import Forward, is_known, made
from phoropter.training.feed import ALONE, Batch
from phoropter.training.numerics import Numerics
from phoropter.training.optimizers import kernel_step
from phoropter.training.step import Stepper, clipped_norms
from phoropter.training.team import Team


class DirectStepper:
    """One optimiser step a batch, as `Stepper` makes it, for a chain of known layers.

    Args:
        chain: The network's layers, first to last, as from `chain_of`.
        losses: Of the objective.
        optimizer: Of all their parameters.
        clip: Largest gradient norm, or None.
    """

    def __init__(
        self, chain: Sequence[Forward], losses: Losses, optimizer: Optimizer, *, clip: float | None
    ) -> None:
        self._chain = chain
        self._slope = losses.slope or partial(_slope, losses.training)
        self._clip = clip
        self._update = kernel_step(optimizer)
        self.parameters: list[nn.Parameter] = [
            p for group in optimizer.param_groups for p in group["params"]
        ]

    def __call__(
        self, micro: Sequence[Batch], *, measure_norms: bool
    ) -> tuple[Tensor, Tensor | None]:
        """The loss of the only batch, and gradient norms where asked for or needed."""
        (batch,) = micro
        with torch.no_grad():
            loss = self._descend(batch.inputs, batch.targets)
            norms = None
            if self._clip is not None or measure_norms:
                norms = clipped_norms(self.parameters, self._clip)
            self._update()
        return loss, norms

    def _descend(self, inputs: Tensor, targets: Any) -> Tensor:
        """The loss; every parameter that learns gets its gradient."""
        outputs, ways_back = inputs, []
        for layer in self._chain:
            outputs, backward = layer(outputs)
            ways_back.append(backward)
        loss, slope = self._slope(outputs, targets)
        way: Tensor | None = slope
        while way is not None and ways_back:
            way = ways_back.pop()(way)
        return loss


def make_stepper(
    objective: Objective,
    optimizers: Mapping[str, Optimizer],
    *,
    accelerator: Accelerator,
    numerics: Numerics,
    clip: float | None,
    team: Team = ALONE,
) -> Stepper | DirectStepper:
    """What makes the steps of a run under these numerics."""
    if numerics.direct and isinstance(objective, Supervised):
        chain = chain_of(objective, flat=True)
        if chain is not None:
            (optimizer,) = optimizers.values()
            return DirectStepper(chain, objective.losses, optimizer, clip=clip)
    return Stepper(
        objective, optimizers, accelerator=accelerator, numerics=numerics, clip=clip, team=team
    )


def chain_of(objective: Objective, *, flat: bool) -> list[Forward] | None:
    """The layers of the objective's network, first to last; None if autograd must do it.

    Args:
        objective: Must be supervised, without mixing of samples.
        flat: Whether the network's inputs are vectors (n, d) already.
    """
    if type(objective) is not Supervised or objective.mix is not None:
        return None
    network = objective.network
    layers = [layer for layer in _flattened(network) if type(layer) is not nn.Identity]
    owned = sorted(id(p) for layer in layers for p in layer.parameters())
    whole = owned == sorted(id(p) for p in network.parameters())
    learning = [any(p.requires_grad for p in layer.parameters()) for layer in layers]
    if not (whole and any(learning) and (flat or type(layers[0]) is nn.Flatten)):
        return None
    if not all(map(is_known, layers)) or any(map(_is_altered, network.modules())):
        return None
    first = learning.index(True)
    return [made(layer, onward=index > first) for index, layer in enumerate(layers)]


def _flattened(module: nn.Module) -> Iterator[nn.Module]:
    """The layers of containers that do nothing but call their children one after the other.

    One that is called twice comes twice, which `children` would not tell.
    """
    children: Iterable[nn.Module] = ()
    if type(module) is nn.Sequential:
        children = module
    elif type(module) is Network:
        children = (module.trunk, module.head)
    elif type(module) is LinearHead:
        children = (module.dropout, module.linear)
    else:
        yield module
    for child in children:
        yield from _flattened(child)


def _is_altered(module: nn.Module) -> bool:
    """Whether somebody listens to its calls or gradients, or has replaced its function."""
    hooks = (
        module._forward_hooks,
        module._forward_pre_hooks,
        module._backward_hooks,
        module._backward_pre_hooks,
    )
    listened = any(p._backward_hooks for p in module.parameters())
    return any(hooks) or listened or "forward" in vars(module)


def _slope(
    loss: Callable[[Tensor, Any], Tensor], outputs: Tensor, targets: Any
) -> tuple[Tensor, Tensor]:
    """Any loss and its derivative by the outputs; only this much is left to autograd."""
    leaf = outputs.detach().requires_grad_()
    with torch.enable_grad():
        value = loss(leaf.clone(), targets)  # a loss of the user's own may write into it
    (slope,) = torch.autograd.grad(value, leaf)
    return value.detach(), slope
