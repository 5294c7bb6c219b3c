"""The learning-rate range test: how the loss answers to a rate that rises (Smith 2017)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from accelerate import Accelerator
from torch import nn

from phoropter.core.events import Listener, Progress, silent
from phoropter.core.protocols import Objective
from phoropter.core.recipe import Recipe
from phoropter.core.run_records import RangePoint
from phoropter.training.feed import Batch, Feed
from phoropter.training.numerics import fixed
from phoropter.training.optimizers import make_optimizers, set_lr
from phoropter.training.plan import make_plan
from phoropter.training.records import TrainingData
from phoropter.training.rehearsal import own_randomness
from phoropter.training.step import Stepper

LOWEST, HIGHEST = 1e-6, 10.0
SMOOTHING = 0.9  # of the loss over steps, the first ones corrected as Adam's means are
DIVERGED = 4.0  # times the lowest smoothed loss
LEAST_FALL = 0.05  # of the loss at the start; less is noise


def sweep(
    objective: Objective,
    network: nn.Module,
    data: TrainingData,
    recipe: Recipe,
    *,
    steps: int,
    listener: Listener = silent,
) -> tuple[RangePoint, ...]:
    """Trains with a rate that grows by the same factor each step, from 1e-6 to 10.

    It ends early where the smoothed loss is four times the lowest one, or not finite. A loss that
    goes below zero ends it where it has risen by three times its size.

    Args:
        objective: What is descended.
        network: Is changed; give a copy.
        data: The training part is gone through as often as need be.
        recipe: Its optimizer, batch size and so on; neither rate nor schedule.
        steps: To make at most.
        listener: Told of the progress, stage "learning rates".
    """
    accelerator = Accelerator()
    network.to(accelerator.device).train()
    plan = make_plan(recipe.train, samples=len(data.train_rows))
    numerics = fixed("float32", threads=torch.get_num_threads())
    feed = Feed(data, plan, seed=recipe.seed, device=accelerator.device, numerics=numerics)
    optimizers = make_optimizers(objective, recipe.train, network=network)
    step = Stepper(
        objective,
        optimizers,
        accelerator=accelerator,
        numerics=numerics,
        clip=recipe.train.clip,
    )
    points: list[RangePoint] = []
    mean = 0.0
    with own_randomness(recipe.seed, "lr-range"):
        for number, batches in zip(range(steps), _endless(feed), strict=False):
            lr = LOWEST * (HIGHEST / LOWEST) ** (number / max(steps - 1, 1))
            set_lr(optimizers, lr)
            loss = float(step(batches, measure_norms=False)[0])
            mean = SMOOTHING * mean + (1 - SMOOTHING) * loss
            smoothed = mean / (1 - SMOOTHING ** (number + 1))
            listener(Progress("learning rates", number + 1, steps, f"{lr:.2g}"))
            if not math.isfinite(smoothed):
                break
            points.append(RangePoint(lr, loss, smoothed))
            if _ran_away(points):
                break
    return tuple(points)


def _ran_away(points: Sequence[RangePoint]) -> bool:
    last, lowest = points[-1].smoothed, min(point.smoothed for point in points)
    if min(point.loss for point in points) >= 0:
        return last > DIVERGED * lowest
    # A loss that crosses zero is small there and yet no better than noise: where it began counts.
    size = max(abs(lowest), abs(points[0].smoothed))
    return last - lowest > (DIVERGED - 1) * size


def suggested(points: Sequence[RangePoint]) -> float | None:
    """Where the smoothed loss falls steepest, but at most a tenth of the rate where it is lowest.

    None if it falls by less than a twentieth altogether. Steepness is the slope over the logarithm
    of the rate, of a straight line through the points within a factor of two of each rate.

    >>> falling = [RangePoint(10.0**-k, 1.0, 1.0 if k > 2 else 0.1) for k in range(6, 0, -1)]
    >>> suggested(falling) is not None
    True
    """
    if len(points) < 3:
        return None
    losses = np.array([point.smoothed for point in points])
    lowest = int(losses.argmin())
    if losses[0] - losses[lowest] < LEAST_FALL * abs(losses[0]):
        return None
    logs = np.log([point.lr for point in points])
    slopes = [_slope(logs, losses, at) for at in range(lowest + 1)]
    steepest = points[int(np.argmin(slopes))].lr
    return float(min(steepest, points[lowest].lr / 10))


def _slope(logs: np.ndarray, losses: np.ndarray, at: int) -> float:
    near = np.abs(logs - logs[at]) <= max(math.log(2), 1.01 * float(logs[1] - logs[0]))
    x, y = logs[near] - logs[near].mean(), losses[near] - losses[near].mean()
    return float((x * y).sum() / (x * x).sum())


def _endless(feed: Feed) -> Iterator[list[Batch]]:
    epoch = 1
    while True:
        yield from feed.steps(epoch)
        epoch += 1
