"""What can be seen of a loop's settings, as the keys of a recipe."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import nn
from torch.nn.modules.dropout import _DropoutNd
from torch.optim import Optimizer

from phoropter.watching.hearing import Hearing

LARGEST_PX = 2048
SMALLEST_PX = 4
MOST_DROPOUT = 0.99
_NAMES = ("adamax", "adamw", "adam", "adagrad", "rmsprop")
"""Optimisers by a part of their class's name (bitsandbytes has an `AdamW8bit`)."""


def seen_of(optimizers: Sequence[Optimizer], hearing: Hearing) -> dict[str, Any]:
    """Recipe keys with what was seen of them; nobody tells what a network was trained on before.

    Args:
        optimizers: Those of the loop; the first one's groups say how it steps.
        hearing: For the learning rates, and the shape of a batch.
    """
    seen: dict[str, Any] = {
        "model.pretrained": False,
        "model.transfer": "finetune",
        "model.dropout": _dropout(hearing.network),
        "data.augment.preset": "none",
        "data.size": min(max(hearing.size or SMALLEST_PX, SMALLEST_PX), LARGEST_PX),
        "train.optimizer": _name(optimizers[0]),
        "train.warmup": 0.0,
        "train.epochs": max(hearing.epoch - 1, 1),
        "train.schedule": "constant" if hearing.lr == hearing.highest_lr else "cosine",
    }
    if hearing.highest_lr > 0:
        seen["train.lr"] = hearing.highest_lr
        if hearing.first_lr < hearing.highest_lr:
            seen["train.warmup"] = 0.1
    decay = float(optimizers[0].param_groups[0].get("weight_decay", 0.0))
    seen["train.weight_decay"] = max(decay, 0.0)
    if hearing.batch_size:
        seen["train.batch_size"] = hearing.batch_size
    return seen


def _dropout(network: nn.Module) -> float:
    """The strongest dropout of its layers; that of functions is not known."""
    shares = [module.p for module in network.modules() if isinstance(module, _DropoutNd)]
    return min(max(shares, default=0.0), MOST_DROPOUT)


def _name(optimizer: Optimizer) -> str:
    kind, group = type(optimizer).__name__.lower(), optimizer.param_groups[0]
    found = next((name for name in _NAMES if name in kind), None)
    if found is not None:
        return found
    if "sgd" not in kind:
        return "adamw"
    if group.get("nesterov"):
        return "nesterov"
    return "momentum" if group.get("momentum", 0.0) > 0 else "sgd"
