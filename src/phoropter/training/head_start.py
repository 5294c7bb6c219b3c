"""A head that is fitted on frozen features before all layers are trained (Kumar et al. 2022).

A new head sends gradients that have little to do with the images, and distorts pretrained layers
before it has learnt anything. Fitted on the features of the frozen network, which are kept on disk
and cost nothing where they were needed before, it lets fine-tuning begin where frozen features end:
a few passes then suffice, and the start itself is kept if none of them is better.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from phoropter.core.events import Listener
from phoropter.core.recipe import Recipe
from phoropter.models.catalog import starts_from_weights
from phoropter.models.classic import fit_classic
from phoropter.models.network import LinearHead, Network
from phoropter.training.problem import Problem
from phoropter.training.sources import frozen

HEADS = {"classes": "logistic", "values": "ridge"}
"""The classic model that a head is fitted as, by the kind of the target."""


def starts_head(recipe: Recipe) -> bool:
    """Whether the recipe asks for it, and there are pretrained layers to be spared."""
    tuned = recipe.model.transfer == "finetune" and starts_from_weights(recipe.model)
    return recipe.train.head_start and tuned


def as_frozen(recipe: Recipe) -> Recipe:
    """The recipe whose frozen features the head is fitted on."""
    return recipe.changed({"model.transfer": "features", "data.augment.views": 1})


def start_head(learner: nn.Module, recipe: Recipe, problem: Problem, *, listener: Listener) -> None:
    """Gives a network's last layer the weights of a linear model on its frozen features.

    Nothing happens to networks that have no such layer, or whose recipe does not ask for it.
    """
    if not starts_head(recipe) or not isinstance(learner, Network):
        return
    if not isinstance(learner.head, LinearHead) or problem.schema.kind not in HEADS:
        return
    rows = problem.rows("train")
    features = frozen(as_frozen(recipe), problem, listener=listener)(problem.dataset, rows)
    targets = problem.task.encode(problem.dataset, rows, problem.schema)
    head = fit_classic(
        HEADS[problem.schema.kind],
        features,
        np.asarray(targets),
        schema=problem.schema,
        seed=recipe.seed,
    )
    state = head.state_dict()
    with torch.no_grad():
        learner.head.linear.weight.copy_(state["weight"])
        learner.head.linear.bias.copy_(state["bias"])
