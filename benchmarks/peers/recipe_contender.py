"""Two rivals that use phoropter's own trainer: Optuna's TPE over its recipes, and simple models.

Run by rivals.py. Both see the same parts; what is best on the validation part is asked about the
test part. The search trains one recipe after the other until its budget of wall time is spent; a
run that the end cuts counts with what it had learnt by then. The simple models need less.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from phoropter.core.errors import PhoropterError
from phoropter.core.events import silent
from phoropter.core.predictions import read_predictions
from phoropter.core.recipe import Recipe
from phoropter.improvement.search import Search
from phoropter.metrics import named
from phoropter.project.baseline import first_recipe, ladder
from phoropter.project.opened import started
from phoropter.project.options import Options
from phoropter.training.execute import execute, predicted
from phoropter.training.problem import Problem

RESERVE_S = 6.0  # for the test part: a network of Lite0's size answers some hundred images


def simple(base: Recipe, problem: Problem, runs: Path) -> Iterator[tuple[Path, float]]:
    for recipe in ladder(base):
        folder = execute(recipe, problem, runs=runs)
        yield folder, loss_of(folder, problem.metric)


def searched(
    base: Recipe, problem: Problem, runs: Path, *, deadline: float
) -> Iterator[tuple[Path, float]]:
    search = Search(base)
    while time.monotonic() < deadline:
        recipe = search.ask()
        try:
            folder = execute(recipe, problem, runs=runs, deadline=deadline)
        except PhoropterError as error:
            search.tell(recipe, None)
            print(json.dumps({"failed": str(error)}))
            continue
        loss = loss_of(folder, problem.metric)
        search.tell(recipe, loss)
        yield folder, loss


def loss_of(folder: Path, metric: str) -> float:
    function = named(metric)
    value = function(read_predictions(folder / "predictions.parquet"))
    return -value if function.greater_is_better else value


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=["search", "ladder"])
    parser.add_argument("data", type=Path)
    parser.add_argument("--project", type=Path, required=True)
    parser.add_argument("--budget", type=float, required=True)
    parser.add_argument("--started", type=float, required=True, help="When the process began.")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True)
    chosen = parser.parse_args()
    reserve = min(RESERVE_S, 0.2 * chosen.budget)
    deadline = time.monotonic() + chosen.budget - (time.time() - chosen.started) - reserve
    options = Options(chosen.data, chosen.project, seed=chosen.seed)
    with started(options, listener=silent) as project:
        problem = project.problem()
        train = len(problem.rows("train"))
        base = first_recipe(project.dataset, train_samples=train, seed=chosen.seed).recipe
        runs = project.folder.runs
        trials = (
            list(simple(base, problem, runs))
            if chosen.kind == "ladder"
            else list(searched(base, problem, runs, deadline=deadline))
        )
        best, loss = min(trials, key=lambda trial: trial[1])
        said = predicted(best, problem, problem.rows("test"))
    np.savez(chosen.out, ids=said.ids, probabilities=said.probabilities, classes=said.classes)
    print(json.dumps({"runs": len(trials), "chosen": best.name, "validation": loss}))


if __name__ == "__main__":
    main()
