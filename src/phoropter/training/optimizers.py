"""torch optimisers from a recipe, one for each name the objective asks for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch.optim import SGD, AdamW, Optimizer

from phoropter.core.protocols import Objective
from phoropter.core.recipe import TrainRecipe


def make_optimizers(objective: Objective, recipe: TrainRecipe) -> dict[str, Optimizer]:
    """The named optimisers; each parameter group carries its own `lr_factor`.

    The fused kernels are taken: one call updates all parameters, which is several times faster
    than torch's loop over tensors for small networks, and never slower.
    """
    return {
        name: _optimizer(
            [
                {
                    "params": list(group.parameters),
                    "weight_decay": recipe.weight_decay if group.decay else 0.0,
                    "lr": recipe.lr * group.lr_factor,
                    "lr_factor": group.lr_factor,
                }
                for group in groups
            ],
            recipe,
        )
        for name, groups in objective.parameters().items()
    }


def set_lr(optimizers: Mapping[str, Optimizer], lr: float) -> None:
    """Sets the learning rate of every group to `lr` times the group's factor."""
    for optimizer in optimizers.values():
        for group in optimizer.param_groups:
            group["lr"] = lr * group["lr_factor"]


def _optimizer(groups: list[dict[str, Any]], recipe: TrainRecipe) -> Optimizer:
    if recipe.optimizer == "adamw":
        return AdamW(groups, fused=True)
    if recipe.optimizer == "momentum" and recipe.momentum > 0:
        return SGD(groups, momentum=recipe.momentum, nesterov=True, fused=True)
    return SGD(groups, fused=True)
