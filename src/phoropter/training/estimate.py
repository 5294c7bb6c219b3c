"""How long a recipe will take on this machine: one step of it is timed, the rest is arithmetic."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from accelerate import Accelerator
from torch import nn

from phoropter.core.events import Listener
from phoropter.core.recipe import Recipe
from phoropter.core.records import Rows
from phoropter.data.memory import MemoryInputs
from phoropter.models.build import build
from phoropter.models.catalog import frozen_trunk
from phoropter.models.network import Network
from phoropter.prediction.features import DeepFeatures
from phoropter.prediction.run import outputs
from phoropter.prediction.views import further_views
from phoropter.training.execute import is_classic, training_data
from phoropter.training.feed import Feed
from phoropter.training.head_start import as_frozen, starts_head
from phoropter.training.numerics import (
    LEAST_PLANNED_S,
    MOST_MEASURING_S,
    MOST_MEASURING_SHARE,
    Numerics,
    Trial,
    has_bfloat16,
    unmeasured,
)
from phoropter.training.plan import Plan, make_plan
from phoropter.training.problem import Problem
from phoropter.training.records import LEAST_TRAIN_EVAL_ROWS, TrainingData
from phoropter.training.rehearsal import rehearsal
from phoropter.training.sources import Source, frozen, has_views, open_images
from phoropter.training.team import assembled

_LEAST_EPOCHS = 3
"""A shorter run cannot finish its warm-up and decay, and says nothing about the change."""

LEAST_SHARE = 0.6
"""Share of the wanted epochs below which a comparison would be one of run lengths."""

_MARGIN = 0.85
"""Share of the time that is planned: a loaded machine or a slow evaluation must not break it."""

_CHEAP_S = 5.0
"""Enough for a model on features that are kept already."""

_CLASSIC_S = 0.5
"""Of a classic model's fit, its predictions and its records."""

_AROUND_S = 1.2
"""Of the checks before training, of building the network and of writing records. Nine recipes on
244 photographs took -0.7 to 2.8 s more than their steps."""

_PROBED = 8
"""Images in the first of two timed calls; the second has three times as many."""

_MANY_PROBED = 240
"""Images after a third timed call, where the second one took hardly longer than the first."""

_CLEAR_S = 0.2
"""Difference of two calls that is more than the luck of loading."""

_PROBED_NUMBERS = 2**20
"""Pixels of a forward pass that is timed: enough that starting it does not count."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """Predicted seconds of a run, measured on one batch."""

    epoch_s: float
    closing_s: float

    def total(self, epochs: int) -> float:
        """Seconds of a run of that many passes."""
        return epochs * self.epoch_s + self.closing_s


def shortened(
    recipe: Recipe,
    problem: Problem,
    *,
    seconds: float,
    least_share: float = LEAST_SHARE,
    listener: Listener,
) -> Recipe | None:
    """The recipe with as many epochs as fit into `seconds`; None if too few do.

    The schedule is part of the recipe, so a shortened run still warms up and decays.

    Args:
        recipe: What is wanted.
        problem: On what.
        seconds: It must end within.
        least_share: Share of the wanted epochs that must fit.
        listener: Told of decoding and the like.
    """
    if seconds < _CHEAP_S:
        return None
    if is_classic(recipe) or frozen_trunk(recipe):
        needed = features_s(recipe, problem, listener=listener) + _CHEAP_S
        return recipe if needed <= _MARGIN * seconds else None
    least = max(least_share, min(_LEAST_EPOCHS / recipe.train.epochs, 1.0))
    if least * least_s(recipe, problem, listener=listener) > seconds:
        return None
    expected = estimate(recipe, problem, listener=listener)
    available = _MARGIN * seconds - expected.closing_s - _head_s(recipe, problem, listener=listener)
    affordable = int(available / expected.epoch_s)
    if affordable >= recipe.train.epochs:
        return recipe
    if affordable < least * recipe.train.epochs:
        return None
    return recipe.changed({"train.epochs": affordable})


def features_s(recipe: Recipe, problem: Problem, *, listener: Listener) -> float:
    """Seconds until the features of all samples are there, measured on a few that are kept."""
    if frozen_trunk(recipe) in {"", "pixels"}:
        return 0.0
    everything = np.arange(len(problem.dataset), dtype=np.int64)
    wanted = [(frozen(recipe, problem, listener=listener), everything)]
    if has_views(recipe):
        wanted += [
            (frozen(recipe, problem, view=seen, listener=listener), problem.rows("train"))
            for seen in further_views(recipe.data)
        ]
    lacking = [(deep, deep.missing(problem.dataset, rows)) for deep, rows in wanted]
    deep, missing = max(lacking, key=lambda pair: len(pair[1]))
    if len(missing) <= 2 * _PROBED:
        return 0.0
    return _each_s(deep, problem, missing) * sum(len(rows) for _, rows in lacking)


def _each_s(deep: DeepFeatures, problem: Problem, missing: Rows) -> float:
    """Seconds for the features of one image, from a few of those that are missing.

    The difference of two calls leaves out what each spends on loading the network; so the second
    one gets ten times as many images where that hides what they take.
    """

    def timed(rows: Rows) -> float:
        begun = time.perf_counter()
        deep(problem.dataset, rows)
        return time.perf_counter() - begun

    first, more = missing[:_PROBED], missing[_PROBED : 4 * _PROBED]
    loading, whole = timed(first), timed(more)
    if whole - loading < _CLEAR_S and len(missing) > _MANY_PROBED:
        more = missing[4 * _PROBED : _MANY_PROBED]
        whole = timed(more)
    return max(whole - loading, 0.25 * whole) / max(len(more) - len(first), 1)


def least_s(recipe: Recipe, problem: Problem, *, listener: Listener) -> float:
    """Seconds below which the run will hardly end, from a forward pass of a few images.

    A training step is about three forward passes, and little more than one where the lower layers
    stay as they are; one less is counted, for the bound to be one from below. So a second tells
    that a large network will not fit, where timing its training steps would take longer than is
    left.
    """
    passes = 1 if recipe.train.frozen else 2
    return passes * forward_s(recipe, problem, listener=listener) * recipe.train.epochs


def forward_s(recipe: Recipe, problem: Problem, *, listener: Listener) -> float:
    """Seconds that the recipe's network takes to answer all training images, timed on a few."""
    source = open_images(recipe, problem, listener=listener)
    network = build(recipe, problem.schema)
    train = problem.rows("train")
    numbers = source.inputs.batch(train[:1]).numel()
    rows = train[: max(_PROBED, min(_batch(recipe, train), _PROBED_NUMBERS // numbers))]
    return _forward_s(network, source, rows) * len(train)


def views_s(recipe: Recipe, problem: Problem, *, listener: Listener) -> float:
    """Seconds until a frozen network has seen further views of all that a run is asked about."""
    trunk = frozen_trunk(recipe)
    if recipe.predict.tta == 1 or trunk in {"", "pixels"}:
        return 0.0
    whole = recipe.changed({"model.name": trunk, "model.transfer": "finetune"})
    train = len(problem.rows("train"))
    asked = len(problem.rows("test")) + len(problem.rows("val"))
    asked += min(train, max(len(problem.rows("val")), LEAST_TRAIN_EVAL_ROWS))
    each = forward_s(whole, problem, listener=listener) / train
    return (recipe.predict.tta - 1) * asked * each


def expected_s(recipe: Recipe, problem: Problem, *, listener: Listener) -> float:
    """Seconds that a run will take, what is kept on disk already left out.

    Classic models are counted with what their features take and a constant: their fits are short
    where there are few samples, and nobody can tell how many passes they need where there are many.
    """
    waiting = features_s(recipe, problem, listener=listener)
    if is_classic(recipe):
        return waiting + _CLASSIC_S
    waiting += _head_s(recipe, problem, listener=listener)
    return waiting + estimate(recipe, problem, listener=listener).total(recipe.train.epochs)


def _head_s(recipe: Recipe, problem: Problem, *, listener: Listener) -> float:
    """Seconds until a head is fitted that fine-tuning starts from."""
    if not starts_head(recipe):
        return 0.0
    return features_s(as_frozen(recipe), problem, listener=listener) + _CLASSIC_S


def estimate(recipe: Recipe, problem: Problem, *, listener: Listener) -> Estimate:
    """Times training steps and an evaluation batch of a network, or of a head on features."""
    network = build(recipe, problem.schema)
    source = _stand_in(recipe, problem, network, listener=listener)
    learner: nn.Module = network.head if source.features else network
    data = training_data(recipe, problem, source)
    accelerator = Accelerator()
    learner.to(accelerator.device)
    plan = make_plan(recipe.train, samples=len(data.train_rows))
    rehearse = rehearsal(
        problem.task.objective(learner, recipe, problem.schema),
        learner,
        data,
        recipe=recipe,
        plan=plan,
        accelerator=accelerator,
        team=assembled(),
    )
    numerics = unmeasured(learner, images=not source.features, threads=torch.get_num_threads())
    feed = Feed(data, plan, seed=recipe.seed, device=accelerator.device, numerics=numerics)
    step_s, measuring_s = _step_s(rehearse, recipe, plan, numerics)
    step_s += plan.accumulate * _serving_s(feed, data, plan)
    eval_s = _forward_s(learner, source, data.train_rows[: plan.batch_size])
    judged = len(data.val_rows) + len(data.train_eval_rows)
    epoch_s = plan.steps_per_epoch * step_s + judged * eval_s
    return Estimate(epoch_s, 4 * judged * eval_s + measuring_s + _AROUND_S)


def _step_s(
    rehearse: Callable[[Numerics], Trial], recipe: Recipe, plan: Plan, plain: Numerics
) -> tuple[float, float]:
    """Seconds of a step, and those that the run will spend on finding the fastest numerics.

    Where the run is long enough for it to be asked, the likeliest gain is tried here as well.
    """
    step_s = rehearse(plain).seconds
    planned = step_s * plan.total_steps
    if recipe.train.numerics != "auto" or planned < LEAST_PLANNED_S:
        return step_s, 0.0
    measuring_s = min(MOST_MEASURING_S, MOST_MEASURING_SHARE * planned)
    if has_bfloat16(Accelerator().device):
        likely = replace(plain, autocast=True, channels_last=True)
        step_s = min(step_s, rehearse(likely).seconds)
    return step_s, measuring_s


def _stand_in(recipe: Recipe, problem: Problem, network: Network, *, listener: Listener) -> Source:
    """The images, or numbers in the place of features that are not there yet."""
    trunk = frozen_trunk(recipe)
    images = open_images(recipe, problem, listener=listener)
    if not trunk:
        return images
    values = np.zeros((len(problem.dataset), network.feature_count), dtype=np.float32)
    return Source(MemoryInputs(values), images.preprocessing, None, trunk)


def _batch(recipe: Recipe, rows: Rows) -> int:
    return make_plan(recipe.train, samples=len(rows)).batch_size


def _serving_s(feed: Feed, data: TrainingData, plan: Plan) -> float:
    """Seconds until a training batch is there: decoded, where images are streamed, and varied.

    The better of two calls, as below. Where batches are decoded ahead it is more than is waited.
    """
    spent = []
    for _ in range(2):
        begun = time.perf_counter()
        feed.training_batch(data.train_rows[: plan.batch_size], 1, 0)
        spent.append(time.perf_counter() - begun)
    return min(spent)


def _forward_s(network: nn.Module, source: Source, rows: Rows) -> float:
    """Seconds an image takes, the better of two calls: the first one allocates."""
    spent = []
    for _ in range(2):
        begun = time.perf_counter()
        outputs(network, source.inputs, rows, normalization=source.normalization)
        spent.append(time.perf_counter() - begun)
    return min(spent) / len(rows)
