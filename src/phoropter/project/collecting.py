"""Whether to collect more data: runs on nested parts of the training samples, and what they say."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import numpy as np
import polars as pl
from numpy.typing import NDArray

from phoropter.comparison.forecast import LEAST_LEVELS, Trained, forecast
from phoropter.comparison.labelling import label_next
from phoropter.comparison.learning_curve import usual
from phoropter.comparison.nested import Block, nested_blocks
from phoropter.core.errors import CorruptFileError, UsageError
from phoropter.core.events import Progress
from phoropter.core.files import write_json
from phoropter.core.forecasts import Forecast
from phoropter.core.predictions import ClassPredictions, Predictions, write_predictions
from phoropter.core.recipe import Recipe
from phoropter.core.records import Rows
from phoropter.data.units import strata
from phoropter.diagnosis.scores import BALANCED_METRICS
from phoropter.models.catalog import frozen_trunk
from phoropter.project.opened import Project
from phoropter.project.run_record import RunRecord, read_run
from phoropter.training.execute import execute, is_classic, predicted
from phoropter.training.problem import Problem, problem_digest

FORECAST = "forecast.json"
TRAIN_DEV = "train_dev_predictions.parquet"
ROLE = "part"
HALVINGS = 3  # of the smallest parts: an eighth
CHEAP_DRAWS = 4  # parts of a size, where a run takes seconds
LEAST_OF_CLASS = 2  # samples a class in the smallest part, on average
_MOST_EPOCHS = 100_000


@dataclass(frozen=True, slots=True)
class Collected:
    """What was measured for a run (`forecast.json` in its folder).

    Args:
        forecast: The learning curve and its continuation.
        half: The run on half of the training samples; the other half are its train-dev samples.
    """

    forecast: Forecast
    half: str


def measure_curve(project: Project, record: RunRecord) -> Collected:
    """Trains the run's recipe on nested parts of its training samples and keeps the forecast.

    Networks get as many steps on a part as on the whole, so that only the samples differ; what is
    frozen or classic is cheap, so several parts of each size are drawn.

    Args:
        project: The opened project.
        record: The run.

    Raises:
        UsageError: If the targets are no classes, or there are too few samples to divide.
    """
    if not isinstance(record.predictions, ClassPredictions):
        raise UsageError(
            f"The gain from more data is forecast for classes only, this is {project.dataset.task}."
        )
    problem = project.problem()
    rows = problem.rows("train")
    blocks = _blocks(project, problem, record.recipe, rows)
    runs = [
        _trained(project, problem, record.recipe, rows, block) for block in _told(project, blocks)
    ]
    truth = record.predictions.truth
    trained = Trained(
        sizes=np.array([*(len(block.chosen) for block in blocks), len(rows)]),
        levels=np.array([*(block.level for block in blocks), 0]),
        wrong=np.array([mistakes(run.predictions) for run in (*runs, record)]),
        weight=class_weights(truth, record.summary.metric),
    )
    schema = record.summary.schema
    found = forecast(trained, belief=usual(len(schema.names)))
    found = replace(
        found, label_next=label_next(trained, found, truth, schema.names, schema.counts)
    )
    half = next(run for run, block in zip(runs, blocks, strict=True) if block.level == 1)
    collected = Collected(found, half.summary.run)
    write_json(record.path / FORECAST, collected)
    return collected


def read_collected(path: Path) -> Collected | None:
    """What `measure_curve` kept in a run's folder, or None if it was never asked for.

    Raises:
        CorruptFileError: If the file is damaged.
    """
    if not (path / FORECAST).exists():
        return None
    try:
        return msgspec.json.decode((path / FORECAST).read_bytes(), type=Collected)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise CorruptFileError(
            f"{str(path / FORECAST)!r} is damaged: {error}.", hint="Delete it and collect again."
        ) from error


def _blocks(project: Project, problem: Problem, recipe: Recipe, rows: Rows) -> tuple[Block, ...]:
    classes = len(problem.schema.names)
    halvings = HALVINGS
    while halvings and len(rows) / 2**halvings < LEAST_OF_CLASS * classes:
        halvings -= 1
    if halvings + 1 < LEAST_LEVELS:
        raise UsageError(
            f"{len(rows)} training samples of {classes} classes are too few to be divided.",
            hint="A learning curve needs eight samples of each class.",
        )
    units = project.dataset.table.select("id").join(
        problem.split.table, on="id", how="left", maintain_order="left"
    )["unit"]
    cheap = is_classic(recipe) or frozen_trunk(recipe) != ""
    blocks = nested_blocks(
        _numbers(strata(project.dataset))[rows],
        _numbers(units)[rows],
        halvings=halvings,
        draws=CHEAP_DRAWS if cheap else 1,
        seed=recipe.seed,
    )
    if len({block.level for block in blocks if len(block.chosen) < len(rows)}) < halvings:
        raise UsageError(
            f"The {len(rows)} training samples belong to too few groups to be divided.",
            hint="A learning curve needs eight groups, none of them with half of the samples.",
        )
    return blocks


def _numbers(column: pl.Series) -> NDArray[np.int64]:
    return np.unique(column.cast(pl.String).to_numpy(), return_inverse=True)[1].astype(np.int64)


def _told(project: Project, blocks: tuple[Block, ...]) -> Iterator[Block]:
    for done, block in enumerate(blocks):
        project.listener(
            Progress("learning curve", done, len(blocks), f"{len(block.chosen)} samples")
        )
        yield block
    project.listener(Progress("learning curve", len(blocks), len(blocks)))


def _trained(
    project: Project,
    problem: Problem,
    recipe: Recipe,
    rows: Rows,
    block: Block,
) -> RunRecord:
    """The run on a part; on half of the samples also what it says of the other half."""
    rest = np.delete(rows, block.chosen)
    smaller = _without(problem, rest)
    asked = recipe if is_classic(recipe) else _as_many_steps(recipe, block.level)
    path = execute(asked, smaller, runs=project.folder.runs, listener=project.listener)
    project.notebook.record_run(path.name, ROLE, {"recipe": asked.model_dump()})
    if block.level == 1 and not (path / TRAIN_DEV).exists():
        answers = predicted(path, smaller, rest, listener=project.listener)
        write_predictions(path / TRAIN_DEV, answers)
    return read_run(path)


def _without(problem: Problem, rest: Rows) -> Problem:
    """The problem with these rows in no part."""
    left_out = problem.dataset.table["id"].gather(rest).implode()
    table = problem.split.table.with_columns(
        part=pl.when(pl.col("id").is_in(left_out)).then(pl.lit("unused")).otherwise("part")
    )
    split = replace(problem.split, table=table)
    digest = problem_digest(problem.dataset, split, problem.metric)
    return replace(problem, split=split, digest=digest)


def _as_many_steps(recipe: Recipe, halvings: int) -> Recipe:
    longer = 2**halvings
    return recipe.changed(
        {
            "train.epochs": min(recipe.train.epochs * longer, _MOST_EPOCHS),
            "train.patience": recipe.train.patience * longer,
        }
    )


def mistakes(predictions: Predictions) -> NDArray[np.float64]:
    """1.0 where a sample's class is not the most probable one, shape (n,).

    Raises:
        TypeError: If the predictions are no classes.
    """
    if not isinstance(predictions, ClassPredictions):
        message = f"a run of classes predicted {type(predictions).__name__}"
        raise TypeError(message)
    return np.asarray(predictions.predicted != predictions.truth, dtype=np.float64)


def class_weights(truth: NDArray[np.int64], metric: str) -> NDArray[np.float64]:
    """What each sample counts in the error, mean 1; classes alike where the metric wants it."""
    if metric not in BALANCED_METRICS:
        return np.ones(len(truth))
    classes, number, counts = np.unique(truth, return_inverse=True, return_counts=True)
    return np.asarray(len(truth) / (len(classes) * counts[number]))
