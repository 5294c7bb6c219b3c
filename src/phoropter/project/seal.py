"""The sealed test part: opened by name, and every opening recorded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from phoropter.core.errors import UsageError
from phoropter.core.events import Note
from phoropter.core.predictions import Predictions, read_predictions, write_predictions
from phoropter.metrics import named
from phoropter.project.opened import Project
from phoropter.project.results import Scores
from phoropter.project.run_record import RunRecord, measured
from phoropter.training.execute import predicted
from phoropter.training.problem import Problem
from phoropter.training.summary import TEST_PREDICTIONS


@dataclass(frozen=True, slots=True, eq=False)
class Opening:
    """What the sealed test part says of one run."""

    predictions: Predictions
    scores: Scores
    parts: Mapping[str, Scores]


def open_seal(project: Project, problem: Problem, record: RunRecord) -> Opening:
    """Measures a run on the test part and records that the seal was opened.

    The record is made before the numbers are known to anyone, so that a look at the test cannot be
    undone by stopping the program. An opening that was stopped right then is ended, not counted
    once more: nobody has seen its numbers.

    Raises:
        UsageError: If the split has no test part.
    """
    rows = problem.rows("test")
    if len(rows) == 0:
        raise UsageError(
            "This project's split has no test part.",
            hint="Add images to a test folder, or start a project without given parts.",
        )
    predictions = predicted(record.path, problem, rows, listener=project.listener)
    opening = _scored(project, record, predictions)
    path = record.path / TEST_PREDICTIONS
    facts = {"run": record.summary.run, "metrics": opening.scores.metrics}
    project.notebook.record_opening(record.summary.run, facts, anew=path.exists())
    write_predictions(path, predictions)
    project.listener(Note(f"The seal was opened (opening {project.notebook.openings})."))
    return opening


def read_opening(project: Project, record: RunRecord) -> Opening | None:
    """What an earlier opening said of this run; None if the seal was not opened for it."""
    path = record.path / TEST_PREDICTIONS
    if not path.exists():
        return None
    return _scored(project, record, read_predictions(path))


def _scored(project: Project, record: RunRecord, predictions: Predictions) -> Opening:
    """All metrics, those of the run's decision among them, of the whole part and of its parts."""

    def scores(part: Predictions) -> Scores:
        metrics = measured(part, record.decoding, primary=record.summary.metric)
        name = named(record.summary.metric).name
        return Scores(next(metric for metric in metrics if metric.name == name), metrics)

    return Opening(predictions, scores(predictions), _parts(project, predictions, scores))


def _parts(
    project: Project, predictions: Predictions, scored: Callable[[Predictions], Scores]
) -> dict[str, Scores]:
    """Scores for each test part that the data name, where they name more than one."""
    names = pl.DataFrame({"id": predictions.ids}).join(
        project.dataset.table.select("id", "part_name"), on="id", how="left", maintain_order="left"
    )["part_name"]
    known = sorted(names.drop_nulls().unique().to_list())
    if len(known) < 2:
        return {}
    return {
        name: scored(predictions.take(np.flatnonzero((names == name).to_numpy()))) for name in known
    }
