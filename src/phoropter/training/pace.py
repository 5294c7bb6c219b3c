"""What the parts of a run take on this machine: a step, an answer, the choice of the numerics."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, replace
from math import prod

import torch
from accelerate import Accelerator
from torch import nn

from phoropter.core.protocols import Objective
from phoropter.core.recipe import Recipe
from phoropter.core.records import Rows
from phoropter.training.choices import is_direct, plain_numerics
from phoropter.training.evaluation import evaluate
from phoropter.training.feed import EVALUATION_NUMBERS, Feed
from phoropter.training.memory import keep_memory
from phoropter.training.numerics import (
    LEAST_GAIN,
    LEAST_PLANNED_S,
    LEAST_STEPS,
    MOST_MEASURING_S,
    MOST_MEASURING_SHARE,
    Numerics,
    Trial,
    agrees,
    fixed,
    has_bfloat16,
)
from phoropter.training.plan import Plan
from phoropter.training.records import TrainingData
from phoropter.training.rehearsal import memory_format, rehearsal, threads_kept
from phoropter.training.team import assembled

MOST_TRIALS = 10
"""Of the numerics of one run, repetitions included."""

_ON_AVERAGE = 1.1
"""Times the quickest of a few steps or answers, that they take in a run: 1.02 to 1.2 in those of
six networks. What disturbs a machine for a moment makes steps slower, never faster, so the median
of a few is less true: it was up to three times too high."""


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds, measured on copies.

    Args:
        sample_s: A training sample takes, in the steps of a pass and until it is served.
        judged_s: A sample takes that is measured after a pass.
        plain_s: A sample takes that is answered before or after training, in the layout that the
            network is made in.
        choosing_s: The run will spend on finding the fastest numerics.
    """

    sample_s: float
    judged_s: float
    plain_s: float
    choosing_s: float


@dataclass(frozen=True, slots=True)
class _Steps:
    """The numerics that a run will probably have, what its steps take then, and the choice.

    `plain` are the steps under the numerics to begin with.
    """

    numerics: Numerics
    step_s: float
    choosing_s: float
    plain: Trial


def paced(
    objective: Objective, network: nn.Module, data: TrainingData, recipe: Recipe, plan: Plan
) -> Pace:
    """Times a few steps, and answers to a batch, of a network that nobody needs any more.

    Args:
        objective: Refers to the network.
        network: Ends in eval mode, in the memory layout of the run.
        data: The samples.
        recipe: Of the run.
        plan: Its steps.
    """
    keep_memory()
    accelerator = Accelerator()
    network.to(accelerator.device)
    steps = _steps(objective, network, data, recipe, plan)
    feed, plain = (
        Feed(data, plan, seed=recipe.seed, device=accelerator.device, numerics=numerics)
        for numerics in (steps.numerics, fixed("float32", threads=torch.get_num_threads()))
    )
    serving_s = _quickest(lambda: feed.training_batch(data.train_rows[: plan.batch_size], 1, 0))
    network.eval()
    rows = _answered(data, plan)
    unlike = steps.numerics.autocast or steps.numerics.channels_last
    plain_s = _answer_s(objective, plain, data, rows, None) if unlike else 0.0
    network.to(memory_format=memory_format(steps.numerics))
    judged_s = _answer_s(objective, feed, data, rows, steps.numerics)
    sample_s = steps.step_s / plan.samples_in(0) + serving_s / plan.batch_size
    return Pace(
        sample_s=_ON_AVERAGE * sample_s,
        judged_s=_ON_AVERAGE * judged_s,
        plain_s=_ON_AVERAGE * (plain_s or judged_s),
        choosing_s=steps.choosing_s,
    )


def _steps(
    objective: Objective, network: nn.Module, data: TrainingData, recipe: Recipe, plan: Plan
) -> _Steps:
    """As `choices` will find them; of a long choice only the likeliest gain is tried here."""
    accelerator = Accelerator()
    rehearse = rehearsal(
        objective,
        network,
        data,
        recipe=recipe,
        plan=plan,
        accelerator=accelerator,
        team=assembled(),
    )
    plain = plain_numerics(network, data, plan)
    if recipe.train.numerics != "auto":
        kind = "bfloat16" if recipe.train.numerics == "bfloat16" else "float32"
        told = fixed(kind, threads=plain.threads)
        trial = rehearse(told)
        return _Steps(told, trial.seconds, 0.0, trial)
    begun = time.perf_counter()
    trial = rehearse(plain)
    cost_s = time.perf_counter() - begun
    steps = _Steps(plain, trial.seconds, cost_s, trial)
    if plan.total_steps < LEAST_STEPS:
        return replace(steps, choosing_s=0.0)
    if is_direct(objective, data, recipe, plan=plan, accelerator=accelerator):
        steps = _faster(
            replace(steps, choosing_s=2 * cost_s), rehearse, replace(plain, direct=True)
        )
    planned_s = steps.step_s * plan.total_steps
    if planned_s < LEAST_PLANNED_S:
        return steps
    trials = int(min(MOST_MEASURING_S, MOST_MEASURING_SHARE * planned_s) / cost_s)
    steps = replace(steps, choosing_s=cost_s * min(max(trials, 1), MOST_TRIALS))
    if trials > 1 and has_bfloat16(accelerator.device):
        likely = replace(plain, autocast=True, channels_last=True)
        steps = _faster(steps, rehearse, likely)
    return steps


def _faster(steps: _Steps, rehearse: Callable[[Numerics], Trial], numerics: Numerics) -> _Steps:
    """With these numerics, if they save more than noise and compute the same."""
    tried = rehearse(numerics)
    saved = tried.seconds <= (1 - LEAST_GAIN) * steps.step_s
    if not saved or not agrees(numerics, steps.plain, tried):
        return steps
    return replace(steps, numerics=numerics, step_s=tried.seconds)


def _answered(data: TrainingData, plan: Plan) -> Rows:
    """Training samples of all classes, as many as a batch of an evaluation has."""
    numbers = prod(data.inputs.batch(data.train_rows[:1]).shape)
    count = max(plan.batch_size, EVALUATION_NUMBERS // max(numbers, 1))
    return data.train_rows[:: max(1, len(data.train_rows) // count)][:count]


def _answer_s(
    objective: Objective, feed: Feed, data: TrainingData, rows: Rows, numerics: Numerics | None
) -> float:
    """Seconds a sample takes that is evaluated, under the numerics of the run or none."""

    def answer() -> None:
        precision = numerics.precision(feed.device) if numerics else nullcontext()
        evaluate(objective, feed, rows=rows, metric=data.metric, precision=precision)

    with threads_kept():
        if numerics:
            torch.set_num_threads(numerics.threads)
        return _quickest(answer) / len(rows)


def _quickest(work: Callable[[], object]) -> float:
    """Seconds of the best of three calls: the first one allocates."""
    spent = []
    for _ in range(3):
        begun = time.perf_counter()
        work()
        spent.append(time.perf_counter() - begun)
    return min(spent)
