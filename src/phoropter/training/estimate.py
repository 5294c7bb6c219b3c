"""How long a recipe will take on this machine: one step of it is timed, the rest is arithmetic."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

from phoropter.augment.policies import augmenter
from phoropter.core.events import Listener
from phoropter.core.recipe import Recipe
from phoropter.core.seed import derive
from phoropter.data.batches import batches
from phoropter.models.build import build
from phoropter.prediction.run import outputs
from phoropter.training.execute import is_classic
from phoropter.training.feed import prepared
from phoropter.training.plan import make_plan
from phoropter.training.problem import Problem
from phoropter.training.records import sample_train_eval_rows
from phoropter.training.sources import Source, backbone, open_images

_LEAST_EPOCHS = 3
"""A shorter run cannot finish its warm-up and decay, and says nothing about the change."""

_MARGIN = 0.85
"""Share of the time that is planned: a loaded machine or a slow evaluation must not break it."""

_CHEAP_S = 5.0
"""Enough for a model on features that are kept already."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """Predicted seconds of a run, measured on one batch."""

    epoch_s: float
    closing_s: float

    def total(self, epochs: int) -> float:
        """Seconds of a run of that many passes."""
        return epochs * self.epoch_s + self.closing_s


def shortened(
    recipe: Recipe, problem: Problem, *, seconds: float, listener: Listener
) -> Recipe | None:
    """The recipe with as many epochs as fit into `seconds`; None if fewer than three do.

    The schedule is part of the recipe, so a shortened run still warms up and decays.
    """
    if is_classic(recipe) or backbone(recipe):
        return recipe if seconds >= _CHEAP_S else None
    if seconds < _CHEAP_S:
        return None
    expected = estimate(recipe, problem, listener=listener)
    available = _MARGIN * seconds - expected.closing_s
    affordable = int(available / expected.epoch_s)
    if affordable >= recipe.train.epochs:
        return recipe
    if affordable < min(_LEAST_EPOCHS, recipe.train.epochs):
        return None
    return recipe.changed({"train.epochs": affordable})


def estimate(recipe: Recipe, problem: Problem, *, listener: Listener) -> Estimate:
    """Times a training step and an evaluation batch of a network on images."""
    source = open_images(recipe, problem, listener=listener)
    network = build(recipe, problem.schema)
    train, val = problem.rows("train"), problem.rows("val")
    plan = make_plan(recipe.train, samples=len(train))
    judged = len(val) + len(sample_train_eval_rows(train, val_count=len(val), seed=recipe.seed))
    batch = next(batches(train, plan.batch_size, seed=recipe.seed, epoch=0))
    step_s = _training_step_s(network, recipe, problem, source, batch)
    network.eval()
    eval_s = _best_of(
        lambda: outputs(network, source.inputs, batch, normalization=source.normalization)
    ) / len(batch)
    epoch_s = plan.batches_per_epoch * step_s + judged * eval_s
    return Estimate(epoch_s, 2 * judged * eval_s + 1.0)


def _training_step_s(
    network: nn.Module, recipe: Recipe, problem: Problem, source: Source, batch: object
) -> float:
    rows = torch.as_tensor(batch)
    targets = problem.task.encode(problem.dataset, rows.numpy(), problem.schema)
    objective = problem.task.objective(network, recipe, problem.schema)
    augment = augmenter(recipe.data.augment, size=recipe.data.size)
    generator = torch.Generator().manual_seed(derive(recipe.seed, "estimate"))

    def step() -> None:
        pixels = source.inputs.batch(rows.numpy())
        inputs = prepared(pixels, source.normalization, augment, generator)
        for _, loss in objective.steps(inputs, targets, generator):
            loss().backward()  # type: ignore[no-untyped-call]

    network.train()
    return _best_of(step)


def _best_of(function: Callable[[], object], *, repeats: int = 3, limit_s: float = 4.0) -> float:
    """Seconds of the quickest call; the first one, which allocates, counts only if it is slow."""
    begun = time.perf_counter()
    function()
    quickest = time.perf_counter() - begun
    for _ in range(repeats):
        if time.perf_counter() - begun > limit_s:
            break
        start = time.perf_counter()
        function()
        quickest = min(quickest, time.perf_counter() - start)
    return quickest
