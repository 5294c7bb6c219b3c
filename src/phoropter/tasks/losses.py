"""What training descends: the loss of each sample, by name (`train.loss`)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from phoropter.core import registry
from phoropter.core.errors import UsageError
from phoropter.core.recipe import TrainRecipe
from phoropter.tasks.own_loss import check_loss, each_of, mean_of

GROUP = "phoropter.losses"
_MEAN, _NONE = 1, -100
"""How torch's kernels write the reduction to a mean, and the class that does not count."""

_ONE = torch.ones(())
"""The derivative of the loss by itself, which the way back begins with."""

_USUAL = {"classes": "cross_entropy", "values": "mse"}


@dataclass(frozen=True, slots=True)
class Loss:
    """A loss that can be named in a recipe.

    Args:
        kind: What it is for: "classes" (logits (n, k) and class numbers (n,)) or "values"
            (standardised outputs and targets (n, t)).
        of: Outputs, targets and the training part of the recipe to the loss of each sample (n,).
        mean: The same, averaged over the samples, where that is faster in one go.
    """

    kind: str
    of: Callable[[Tensor, Tensor, TrainRecipe], Tensor]
    mean: Callable[[Tensor, Tensor, TrainRecipe], Tensor] | None = None


@dataclass(frozen=True, slots=True)
class NamedLoss:
    """A recipe's loss: outputs and targets to the loss of each sample (n,), or to their mean.

    `slope` gives the mean and its derivative by the outputs, where that needs no autograd.
    """

    each: Callable[[Tensor, Tensor], Tensor]
    mean: Callable[[Tensor, Tensor], Tensor]
    slope: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]] | None = None


def named_loss(recipe: TrainRecipe, kind: str, *, outputs: int | None = None) -> NamedLoss:
    """The recipe's loss for targets of this kind.

    >>> loss = named_loss(TrainRecipe(loss="mae"), "values")
    >>> loss.each(torch.tensor([[1.0, 3.0]]), torch.tensor([[0.0, 0.0]])).tolist()
    [2.0]

    Args:
        recipe: Names the loss.
        kind: "classes" or "values".
        outputs: Of the network; a loss that is not one of ours is tried with so many, if given.

    Raises:
        UsageError: If there is no such loss, or it is one for other targets.
        BrokenContractError: If it is one of the user's own and does not do what it must.
    """
    name = _USUAL[kind] if recipe.loss == "auto" else recipe.loss
    part = registry.load(GROUP, name)
    loss = part if isinstance(part, Loss) else _own(part, name, kind)
    if loss.kind != kind:
        fitting = [other for other, one in registry.load_all(GROUP) if one.kind == kind]
        raise UsageError(
            f"The loss {name!r} is one for {loss.kind}, and the targets are {kind}.",
            hint=f"Choose one of: {', '.join(fitting)}.",
        )
    at_once = loss.mean

    def each(outputs: Tensor, targets: Tensor) -> Tensor:
        return loss.of(outputs, targets, recipe)

    def mean(outputs: Tensor, targets: Tensor) -> Tensor:
        if at_once is not None:
            return at_once(outputs, targets, recipe)
        return loss.of(outputs, targets, recipe).mean()

    if outputs is not None and not registry.is_ours(GROUP, name):
        check_loss(each if at_once is None else mean, name, kind=kind, outputs=outputs)
    direct = part is CROSS_ENTROPY and not recipe.label_smoothing
    return NamedLoss(each, mean, cross_entropy_slope if direct else None)


def _own(part: Any, name: str, kind: str) -> Loss:
    """A function, or a module or class of torch.nn, as a loss for the targets at hand."""
    function = part() if isinstance(part, type) and issubclass(part, nn.Module) else part
    return Loss(
        kind,
        of=lambda outputs, targets, _recipe: each_of(function(outputs, targets), name),
        mean=lambda outputs, targets, _recipe: mean_of(function(outputs, targets), name),
    )


def cross_entropy(outputs: Tensor, targets: Tensor, recipe: TrainRecipe) -> Tensor:
    """Minus the log of the right class's probability; `label_smoothing` moves mass to all."""
    return functional.cross_entropy(
        outputs, targets, label_smoothing=recipe.label_smoothing, reduction="none"
    )


def mean_cross_entropy(outputs: Tensor, targets: Tensor, recipe: TrainRecipe) -> Tensor:
    """The mean of `cross_entropy` by one kernel: a tenth of a small network's step is saved."""
    return functional.cross_entropy(outputs, targets, label_smoothing=recipe.label_smoothing)


def cross_entropy_slope(outputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """The mean without smoothing, and (softmax - target) / n, by the kernels of autograd."""
    kernels = torch.ops.aten
    logs = torch.log_softmax(outputs, 1)
    loss, weight = kernels.nll_loss_forward.default(logs, targets, None, _MEAN, _NONE)
    slope = kernels.nll_loss_backward.default(_ONE, logs, targets, None, _MEAN, _NONE, weight)
    return loss, kernels._log_softmax_backward_data.default(slope, logs, 1, logs.dtype)


def focal(outputs: Tensor, targets: Tensor, recipe: TrainRecipe) -> Tensor:
    """Cross-entropy times (1 - p) ** `focal_gamma`: little for what is known (Lin et al. 2017).

    With smoothing, the sum over the classes of q (1 - p) ** gamma times -log p.
    """
    logs = functional.log_softmax(outputs, dim=1)
    weighted = -logs * (1 - logs.exp()).clamp(min=0) ** recipe.focal_gamma
    return (_soft(targets, outputs, recipe.label_smoothing) * weighted).sum(dim=1)


def bce(outputs: Tensor, targets: Tensor, recipe: TrainRecipe) -> Tensor:
    """Binary cross-entropy of each class against the rest, summed over the classes.

    Targets are class numbers (n,), or zeros and ones (n, k) where a sample may be of several.
    """
    soft = _soft(targets, outputs, recipe.label_smoothing)
    losses = functional.binary_cross_entropy_with_logits(outputs, soft, reduction="none")
    return losses.sum(dim=1)


def mse(outputs: Tensor, targets: Tensor, _recipe: TrainRecipe) -> Tensor:
    """Mean over a sample's numbers of the squared deviation."""
    return (outputs - targets).square().mean(dim=1)


def mae(outputs: Tensor, targets: Tensor, _recipe: TrainRecipe) -> Tensor:
    """Mean over a sample's numbers of the absolute deviation."""
    return (outputs - targets).abs().mean(dim=1)


def huber(outputs: Tensor, targets: Tensor, recipe: TrainRecipe) -> Tensor:
    """Half the square of a deviation up to `huber_delta`, beyond it a straight line (Huber 1964).

    A sample's numbers are averaged.
    """
    return functional.huber_loss(outputs, targets, delta=recipe.huber_delta, reduction="none").mean(
        dim=1
    )


def _soft(targets: Tensor, outputs: Tensor, smoothing: float) -> Tensor:
    """The share of each class in each target (n, k), in the outputs' dtype."""
    classes = outputs.shape[1]
    if targets.ndim == 2:
        shares, even = targets.to(outputs.dtype), 0.5  # each class by itself: yes or no
    else:
        shares = functional.one_hot(targets, classes).to(outputs.dtype)
        even = 1 / classes
    return torch.lerp(shares, torch.full_like(shares, even), smoothing)


CROSS_ENTROPY = Loss("classes", cross_entropy, mean_cross_entropy)
FOCAL = Loss("classes", focal)
BCE = Loss("classes", bce)
MSE = Loss("values", mse)
MAE = Loss("values", mae)
HUBER = Loss("values", huber)
