"""A few steps on copies of everything, to measure or to check without touching the run."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

import torch
from accelerate import Accelerator
from torch import nn

from phoropter.core.protocols import Objective
from phoropter.core.recipe import Recipe
from phoropter.core.seed import derive
from phoropter.training.compiling import compile_for
from phoropter.training.direct import make_stepper
from phoropter.training.feed import Feed
from phoropter.training.numerics import Numerics, Trial
from phoropter.training.optimizers import make_optimizers
from phoropter.training.plan import Plan
from phoropter.training.records import TrainingData
from phoropter.training.team import Team
from phoropter.training.unfreezing import unfreezing

TIMED_STEPS = 3
ENOUGH_S = 2.0  # of timed steps: what takes longer is known well enough after fewer


class Rehearse(Protocol):
    """Prepares rehearsals of a plan: `rehearsal` with everything else given."""

    def __call__(self, *, plan: Plan) -> Callable[[Numerics], Trial]:
        """A function that makes a few steps of such a run under given numerics."""
        ...


@contextmanager
def own_randomness(seed: int, *names: str) -> Iterator[None]:
    """Seeds the global generators of torch for the block, and gives them back as they were.

    Dropout draws from them and takes no generator of its own.
    """
    devices = range(torch.cuda.device_count()) if torch.cuda.is_available() else ()
    with torch.random.fork_rng(devices=devices):
        reseed(seed, *names)
        yield


def reseed(seed: int, *names: str | int) -> None:
    """Seeds the global generators of torch; only inside `own_randomness`."""
    torch.manual_seed(derive(seed, *names))  # noqa: TID251 - forked; dropout has no other


def rehearsal(
    objective: Objective,
    network: nn.Module,
    data: TrainingData,
    *,
    recipe: Recipe,
    plan: Plan,
    accelerator: Accelerator,
    team: Team,
) -> Callable[[Numerics], Trial]:
    """A function that makes a few steps of this run under given numerics, from the same start.

    The steps are those of this process's share, without the messages between processes.
    """

    def trial(numerics: Numerics) -> Trial:
        # Copied together: the objective's reference must lead to the network's copy.
        twin, aim = copy.deepcopy((network, objective))
        twin.to(memory_format=memory_format(numerics)).train()
        device = accelerator.device
        feed = Feed(data, plan, seed=recipe.seed, device=device, numerics=numerics, team=team)
        unfreezing(twin, recipe, plan).apply(plan.total_steps)
        step = make_stepper(
            aim,
            make_optimizers(aim, recipe.train, network=twin),
            accelerator=accelerator,
            numerics=numerics,
            clip=recipe.train.clip,
        )
        batches = next(feed.steps(1))
        losses: list[float] = []
        seconds: list[float] = []
        with own_randomness(recipe.seed, "rehearsal"), threads_kept():
            torch.set_num_threads(numerics.threads)
            if numerics.compiled:
                compile_for(aim, twin, batches[0], numerics=numerics)
            while len(seconds) < 1 + TIMED_STEPS and sum(seconds[1:]) < ENOUGH_S:
                started = time.perf_counter()
                losses.append(float(step(batches, measure_norms=False)[0]))
                seconds.append(time.perf_counter() - started)
        return Trial(losses, min(seconds[1:]))

    return trial


@contextmanager
def threads_kept() -> Iterator[None]:
    """Inside the block torch's number of threads may be changed; after it, it is what it was."""
    before = torch.get_num_threads()
    try:
        yield
    finally:
        torch.set_num_threads(before)


def memory_format(numerics: Numerics) -> torch.memory_format:
    """How four-dimensional weights lie in memory."""
    return torch.channels_last if numerics.channels_last else torch.contiguous_format
