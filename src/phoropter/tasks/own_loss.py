"""A loss of the user's own, tried out before training."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from phoropter.core.errors import BrokenContractError, users_code

_SAMPLES = 6
_HINT = (
    "It gets outputs and targets as tensors, and returns the loss of each sample (n,) or their "
    "mean, without detach, argmax or numpy."
)


def check_loss(loss: Any, name: str, *, kind: str, outputs: int) -> None:
    """Asks a loss for the losses of random outputs, and for the gradient of their mean.

    Args:
        loss: A function of outputs (n, outputs) and targets: class numbers (n,), or standardised
            values (n, outputs); it returns the loss of each sample (n,), or their mean.
        name: For the message.
        kind: "classes" or "values".
        outputs: Of the network.

    Raises:
        BrokenContractError: If it fails, or returns something else, numbers that are not finite,
            or numbers without a gradient.
    """
    draws = torch.Generator().manual_seed(0)
    said = torch.randn(_SAMPLES, outputs, generator=draws, requires_grad=True)
    targets = torch.randn(_SAMPLES, outputs, generator=draws)
    if kind == "classes":
        targets = torch.arange(_SAMPLES) % outputs
    loss_value = _called(loss, said, targets, name)
    if not bool(loss_value.isfinite().all()):
        problem = "is not finite for ordinary outputs"
    elif not loss_value.requires_grad:
        problem = "has no gradient"
    else:
        loss_value.mean().backward()  # type: ignore[no-untyped-call]
        if said.grad is not None and bool(said.grad.isfinite().all()):
            return
        problem = "has no finite gradient"
    raise BrokenContractError(f"The loss {name!r} {problem}.", hint=_HINT)


def mean_of(losses: Any, name: str) -> Tensor:
    """The mean of what a loss returned for a batch.

    Raises:
        BrokenContractError: If that is neither one number nor one for each sample.
    """
    if not isinstance(losses, Tensor) or losses.ndim > 1:
        got = tuple(losses.shape) if isinstance(losses, Tensor) else type(losses).__name__
        raise BrokenContractError(f"The loss {name!r} gives {got} for a batch.", hint=_HINT)
    return losses.mean()


def each_of(losses: Tensor, name: str) -> Tensor:
    """The losses, if there is one for each sample.

    Raises:
        BrokenContractError: If there is their mean alone.
    """
    if losses.ndim == 1:
        return losses
    raise BrokenContractError(
        f"The loss {name!r} gives one number for all samples, and weights need one for each.",
        hint="Return the loss of each sample (n,), or use train.class_weights=none.",
    )


def _called(loss: Any, said: Tensor, targets: Tensor, name: str) -> Tensor:
    shapes = f"outputs {tuple(said.shape)} and targets {tuple(targets.shape)}"
    what = f"The loss {name!r} failed on {shapes}"
    with users_code(what, hint="It is called with outputs and targets."):
        value: Tensor = loss(said, targets)
    return value
