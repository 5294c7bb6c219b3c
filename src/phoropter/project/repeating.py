"""Comparisons of recipes, not of two models: both are trained again, by seeds or on folds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import polars as pl

from phoropter.comparison.folds import LEAST_FOLDS, compare_folds
from phoropter.comparison.methods import SEEDS_MATTER
from phoropter.comparison.seeds import (
    MOST,
    PILOT,
    compare_seeds,
    is_small,
    seeds_test,
    seeds_wanted,
)
from phoropter.core.errors import UsageError
from phoropter.core.events import Note, Progress
from phoropter.core.predictions import Predictions
from phoropter.core.recipe import Recipe
from phoropter.core.records import Comparison
from phoropter.data.folds import make_folds
from phoropter.metrics import named
from phoropter.project.collecting import ROLE as PART
from phoropter.project.folder import Folder
from phoropter.project.notebook import Notebook
from phoropter.project.opened import Project
from phoropter.project.run_record import RunRecord, read_run
from phoropter.training.execute import execute
from phoropter.training.problem import Problem, problem_digest, run_id
from phoropter.training.summary import is_done

ROLE = "repeat"
"""Of runs that only say how much a recipe's result varies."""

_LEAST_SEEDS = 2
_LARGEST_COUNT = 100


@dataclass(frozen=True, slots=True)
class Over:
    """What a comparison is made over.

    Args:
        what: "samples" (the two models as they are), "seeds" or "folds".
        count: Trainings of each recipe; None: as many seeds as the spread calls for.
    """

    what: Literal["samples", "seeds", "folds"] = "samples"
    count: int | None = None


def read_over(text: str) -> Over:
    """What a comparison is made over, from words of the command line.

    >>> read_over("seeds=5"), read_over("seeds").count
    (Over(what='seeds', count=5), None)

    Raises:
        UsageError: If it is none of "samples", "seeds", "seeds=N" and "folds=K".
    """
    word, equals, count = text.partition("=")
    number = int(count) if equals and count.isdecimal() else None
    if text == "samples":
        return Over()
    if text == "seeds" or (word == "seeds" and number in range(_LEAST_SEEDS, _LARGEST_COUNT + 1)):
        return Over("seeds", number)
    if word == "folds" and number in range(LEAST_FOLDS, _LARGEST_COUNT + 1):
        return Over("folds", number)
    raise UsageError(
        f"Nothing is compared over {text!r}.",
        hint=f"Say samples, seeds, seeds=N (N from {_LEAST_SEEDS}) or folds=K (K from "
        f"{LEAST_FOLDS}), both up to {_LARGEST_COUNT}.",
    )


def compared_again(project: Project, a: RunRecord, b: RunRecord, over: Over) -> Comparison:
    """The verdict on the recipe of `b` against that of `a`; recorded, and counted as a look.

    Raises:
        UsageError: If the two runs are one, or are not of the project as it is now.
    """
    if a.summary.run == b.summary.run:
        raise UsageError("A run is not compared with itself.")
    problem = project.problem()
    for record in (a, b):
        if run_id(record.recipe, problem) != record.summary.run:
            raise UsageError(
                f"The run {record.summary.run!r} was made of other data or by another version.",
                hint="Train its recipe again, then compare.",
            )
    made = _over_folds if over.what == "folds" else _over_seeds
    comparison = made(project, problem, (a, b), over.count)
    project.notebook.record_comparison(comparison)
    return comparison


def whole_runs(folder: Folder, notebook: Notebook) -> dict[str, RunRecord]:
    """The finished runs of a project that were trained on all of its training part, or on folds."""
    names = dict.fromkeys(run for run, role, _ in notebook.runs() if role != PART)
    return {name: read_run(folder.runs / name) for name in names if is_done(folder.runs / name)}


def spread_known(comparison: Comparison, runs: Mapping[str, RunRecord]) -> Comparison:
    """A comparison of two models, with what is known of the seeds and a note where they matter.

    The note is there if the difference is small against the spread over seeds; where that was
    never measured, if the two models cannot be told apart.

    Args:
        comparison: Of two single runs.
        runs: All whole runs of the project by name, the two among them.
    """
    pair = [runs[name] for name in (comparison.a, comparison.b)]
    if pair[0].recipe.trained_as == pair[1].recipe.trained_as:
        return comparison  # the same weights: no seed was drawn
    alike = [repeats_of(record, runs.values()) for record in pair]
    metric = named(comparison.metric)
    scores = [[metric(one.predictions) for one in group] for group in alike]
    spread = pooled_spread(scores)
    small = comparison.verdict == "undecided"
    if spread is not None:
        small = is_small(comparison.delta, spread)
    return replace(comparison, seed_spread=spread, note=SEEDS_MATTER if small else "")


def repeats_of(record: RunRecord, runs: Iterable[RunRecord]) -> list[RunRecord]:
    """The runs that differ from this one in their seed alone, itself first; one a seed."""
    own, ids = record.recipe, set(record.predictions.ids)
    found = {own.seed: record}
    for one in runs:
        earlier, later = sorted((own, one.recipe), key=lambda recipe: recipe.seed)
        times, between = divmod(later.seed - earlier.seed, _seeds_taken(earlier))
        alike = not between and repeated(earlier, times) == later
        measured = one.summary.metric == record.summary.metric and set(one.predictions.ids) == ids
        if alike and measured:
            found.setdefault(one.recipe.seed, one)
    return list(found.values())


def repeated(recipe: Recipe, number: int) -> Recipe:
    """The recipe with the seeds of its repetition of that number, which shares no training.

    >>> ensemble = Recipe().changed({"predict.ensemble": [{"seed": 1}, {"train.lr": 0.1}]})
    >>> [member.seed for member in repeated(ensemble, 2).members]
    [4, 5, 4]
    """
    by = number * _seeds_taken(recipe)
    members = [
        {key: value + by if key == "seed" else value for key, value in change.items()}
        for change in recipe.predict.ensemble
    ]
    return recipe.changed({"seed": recipe.seed + by, "predict.ensemble": members})


def _seeds_taken(recipe: Recipe) -> int:
    """From the lowest seed of the members to the highest; one where there is no ensemble."""
    seeds = [member.seed for member in recipe.members]
    return max(seeds) - min(seeds) + 1


def pooled_spread(groups: Iterable[list[float]]) -> float | None:
    """Standard deviation within groups, pooled; None where no group has two values.

    >>> pooled_spread([[1.0, 3.0], [5.0]]) ** 2
    2.0000000000000004
    """
    squares = freedom = 0.0
    for values in groups:
        mean = sum(values) / len(values)
        squares += sum((value - mean) ** 2 for value in values)
        freedom += len(values) - 1
    return float((squares / freedom) ** 0.5) if freedom else None


def _over_seeds(
    project: Project, problem: Problem, pair: tuple[RunRecord, RunRecord], count: int | None
) -> Comparison:
    metric = problem.metric
    spoken = _trained(project, problem, pair, count or PILOT)
    if count is None:
        found = seeds_test(*spoken, named(metric))
        wanted = seeds_wanted(found)
        project.listener(
            Note(
                f"{metric} spreads by {found.spread:.4f} over seeds: {wanted} trainings of each "
                f"(at most {MOST})."
            )
        )
        spoken = _trained(project, problem, pair, wanted)
    names = (pair[0].summary.run, pair[1].summary.run)
    return compare_seeds(*spoken, metric, names=names, looks=project.notebook.looks + 1)


def _trained(
    project: Project, problem: Problem, pair: tuple[RunRecord, RunRecord], count: int
) -> tuple[list[Predictions], list[Predictions]]:
    """What both recipes say with so many seeds, counted on from the runs' own."""
    spoken: tuple[list[Predictions], list[Predictions]] = ([], [])
    for number in range(count):
        project.listener(Progress("seeds", number, count))
        for record, said in zip(pair, spoken, strict=True):
            recipe = repeated(record.recipe, number)
            said.append(_made(project, problem, recipe).predictions)
    project.listener(Progress("seeds", count, count))
    return spoken


def _over_folds(
    project: Project, problem: Problem, pair: tuple[RunRecord, RunRecord], count: int | None
) -> Comparison:
    spoken: tuple[list[Predictions], list[Predictions]] = ([], [])
    trained = tested = 0
    parts = list(_fold_problems(project, problem, count or LEAST_FOLDS))
    for number, fold in enumerate(parts):
        project.listener(Progress("folds", number, len(parts)))
        trained, tested = trained + len(fold.rows("train")), tested + len(fold.rows("val"))
        for record, said in zip(pair, spoken, strict=True):
            said.append(_made(project, fold, record.recipe).predictions)
    project.listener(Progress("folds", len(parts), len(parts)))
    return compare_folds(
        *spoken,
        problem.metric,
        names=(pair[0].summary.run, pair[1].summary.run),
        looks=project.notebook.looks + 1,
        test_to_train=tested / trained,
    )


def _fold_problems(project: Project, problem: Problem, count: int) -> Iterator[Problem]:
    """The problem with each fold as its validation part; the sealed test stays sealed."""
    folds = make_folds(project.dataset, problem.split, count=count, seed=project.settings.seed)
    for fold in range(count):
        trained, held = folds.trained_and_held(fold)
        if not len(trained) or not len(held):
            continue  # of folds along time the first is only trained on
        part = (
            pl.when(pl.col("id").is_in(held.implode()))
            .then(pl.lit("val"))
            .when(pl.col("id").is_in(trained.implode()))
            .then(pl.lit("train"))
            .otherwise(pl.lit("unused"))
        )
        split = replace(problem.split, table=problem.split.table.with_columns(part=part))
        digest = problem_digest(problem.dataset, split, problem.metric)
        made = replace(problem, split=split, digest=digest)
        schema = problem.task.schema(problem.dataset, made.rows("train"))
        yield replace(made, schema=schema)


def _made(project: Project, problem: Problem, recipe: Recipe) -> RunRecord:
    path: Path = execute(recipe, problem, runs=project.folder.runs, listener=project.listener)
    project.notebook.record_run(path.name, ROLE, {"recipe": recipe.model_dump()})
    return read_run(path)
