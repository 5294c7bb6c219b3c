"""What a run measures before its first step: how large its batches are, and its numerics."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import torch
from accelerate import Accelerator
from torch import nn

from phoropter.core.protocols import Objective
from phoropter.core.recipe import Recipe
from phoropter.training.batch_size import doubled, largest, read_sizing, write_sizing
from phoropter.training.direct import chain_of
from phoropter.training.numerics import (
    Numerics,
    compiled,
    enough_threads,
    fixed,
    has_bfloat16,
    measured,
    read_numerics,
    unmeasured,
    write_numerics,
)
from phoropter.training.plan import Plan, make_plan
from phoropter.training.records import TrainingData
from phoropter.training.rehearsal import Rehearse, rehearsal
from phoropter.training.team import Team
from phoropter.training.unfreezing import keeps_statistics


def choices(
    objective: Objective,
    network: nn.Module,
    data: TrainingData,
    recipe: Recipe,
    *,
    folder: Path,
    accelerator: Accelerator,
    team: Team,
) -> tuple[Plan, Numerics]:
    """The plan and the numerics of a run: those on record, else as the recipe or the clock says.

    The steps that are timed are made on copies; `folder` gets the choice and the timings.
    """
    rehearse = partial(
        rehearsal, objective, network, data, recipe=recipe, accelerator=accelerator, team=team
    )
    plan = _planned(rehearse, data, recipe, folder=folder)
    numerics = read_numerics(folder)
    if numerics is None:
        plain = plain_numerics(network, data, plan)
        trial = rehearse(plan=plan)
        if recipe.train.numerics == "auto":
            numerics = measured(
                trial,
                total_steps=plan.total_steps,
                plain=plain,
                images=_images(data),
                direct=is_direct(objective, data, recipe, plan=plan, accelerator=accelerator),
                bfloat16=has_bfloat16(accelerator.device),
            )
        elif recipe.train.numerics == "compiled":
            numerics = compiled(trial, threads=plain.threads)
        else:
            numerics = fixed(recipe.train.numerics, threads=plain.threads)
        write_numerics(folder, numerics)
    return plan, numerics


def _planned(rehearse: Rehearse, data: TrainingData, recipe: Recipe, *, folder: Path) -> Plan:
    """The plan, after measuring steps of several batch sizes where the recipe leaves it open."""
    samples = len(data.train_rows)
    if recipe.train.batch_size != "auto":
        return make_plan(recipe.train, samples=samples)
    sizing = read_sizing(folder)
    if sizing is None:
        numbers = data.inputs.batch(data.train_rows[:1]).numel()

        def step_s(size: int) -> float:
            plan = make_plan(recipe.train, samples=samples, measured=size)
            return rehearse(plan=plan)(fixed("float32", threads=torch.get_num_threads())).seconds

        most = largest(samples=samples, epochs=recipe.train.epochs, numbers=numbers)
        sizing = doubled(step_s, most=most)
        write_sizing(folder, sizing)
    return make_plan(recipe.train, samples=samples, measured=sizing.batch_size)


def plain_numerics(network: nn.Module, data: TrainingData, plan: Plan) -> Numerics:
    """What a run begins with, on as many threads as a step can use.

    Each weight of a network that is fed with numbers is used once a sample.
    """
    images = _images(data)
    weights = sum(parameter.numel() for parameter in network.parameters())
    threads = enough_threads(products=None if images else weights * plan.batch_size)
    return unmeasured(network, images=images, threads=threads)


def is_direct(
    objective: Objective,
    data: TrainingData,
    recipe: Recipe,
    *,
    plan: Plan,
    accelerator: Accelerator,
) -> bool:
    """Whether gradients can be had without autograd: of whole batches, in this process's memory.

    And of the same layers in every step: none is released, or put into eval mode, as it goes.
    """
    released = recipe.train.unfreeze or recipe.train.frozen
    if released or keeps_statistics(recipe, batch_size=plan.batch_size):
        return False
    flat = data.inputs.batch(data.train_rows[:1]).ndim == 2
    alone = accelerator.num_processes == 1 and accelerator.device.type == "cpu"
    return alone and plan.accumulate == 1 and chain_of(objective, flat=flat) is not None


def _images(data: TrainingData) -> bool:
    return data.inputs.batch(data.train_rows[:1]).ndim == 4
