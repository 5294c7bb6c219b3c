"""A run made again from its record."""

from __future__ import annotations

import shutil
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from phoropter.core.events import Listener
from phoropter.core.files import storage_errors, write_text
from phoropter.core.recipe import read_recipe, to_yaml
from phoropter.training.batch_size import FILE as BATCH_SIZE
from phoropter.training.checkpoint import read_weights
from phoropter.training.ensembles import execute_ensemble
from phoropter.training.execute import Carried, carry_out
from phoropter.training.numerics import FILE as NUMERICS
from phoropter.training.problem import Problem
from phoropter.training.records import Watch
from phoropter.training.sources import open_for_training
from phoropter.training.summary import UNFINISHED, read_summary


def made_again(folder: Path, problem: Problem, *, within: Path, listener: Listener) -> Path:
    """Carries out the recipe of a finished run once more, from the files on, and returns where.

    Images are decoded and features computed anew. What the run had measured before its first step,
    its numerics and its batch size, is taken from the record, for a clock decides it; a run that
    its budget, or a comparison, ended is ended after as many steps. Of an ensemble every member is
    made again.

    Args:
        folder: Of the finished run; only read.
        problem: On what it was made.
        within: An empty folder for everything that is written.
        listener: Told about the progress.

    Raises:
        PhoropterError: If the recipe no longer fits the data or the machine.
    """
    begun = time.monotonic()
    fresh = replace(problem, cache=within / "cache")
    recipe, summary = read_recipe(folder / "recipe.yaml"), read_summary(folder)
    if summary.members:
        places = [folder.parent / name for name in dict.fromkeys(summary.members)]
        made = {
            read_recipe(place / "recipe.yaml").digest: made_again(
                place, problem, within=within, listener=listener
            )
            for place in places
        }
        runs = within / "runs"
        return execute_ensemble(recipe, fresh, runs=runs, execute=lambda one: made[one.digest])
    again = within / "runs" / folder.name
    with storage_errors(again):
        again.mkdir(parents=True)
        for name in (NUMERICS, BATCH_SIZE):
            if (folder / name).exists():
                shutil.copyfile(folder / name, again / name)
    write_text(again / "recipe.yaml", to_yaml(recipe))
    carried = Carried(
        recipe=recipe,
        problem=fresh,
        folder=again,
        source=open_for_training(recipe, fresh, listener=listener),
        watch=Watch(
            listener=listener,
            keep=max(1, len(summary.kept)),
            steps=summary.steps if summary.stopped_by in UNFINISHED else None,
        ),
    )
    return carry_out(carried, begun=begun)


def weights(folder: Path) -> dict[str, NDArray[np.float64]]:
    """The kept weights of a run by name, as doubles, in which all of their bits are."""
    return {name: value.double().numpy() for name, value in read_weights(folder).items()}
