"""A run read back from its folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from phoropter.core.decoding import Decoding
from phoropter.core.errors import CorruptFileError
from phoropter.core.predictions import Predictions, read_predictions
from phoropter.core.recipe import Recipe, read_recipe
from phoropter.core.records import Metric, Preprocessing
from phoropter.core.run_records import Epoch, Gate, PassSignals, RunSummary, SampleDynamics
from phoropter.metrics import named
from phoropter.metrics.decoding import metric_names
from phoropter.metrics.evaluate import evaluate, reported_names
from phoropter.training.decoding import read_decoding
from phoropter.training.dynamics import read_dynamics
from phoropter.training.execute import predicted
from phoropter.training.gates import read_gates
from phoropter.training.history import read_history
from phoropter.training.problem import Problem
from phoropter.training.signals import read_signals
from phoropter.training.summary import RECORDS, check_files, read_preprocessing, read_summary

ON = frozenset({"data", "split"})
"""Of what a run is made of: what it must share with others that it is compared with."""

HONEST = "honest_predictions.parquet"
"""Of an ensemble that was chosen on the validation part: what it says of samples that did not
choose its members."""


@dataclass(frozen=True, eq=False)
class RunRecord:
    """Everything a finished run left behind.

    Args:
        path: Its folder.
        summary: The outcome.
        recipe: What decided it.
        preprocessing: From file to network input.
        history: One row an epoch; empty for classic models.
        gates: Checks made before training.
        predictions: On the validation part.
        train_predictions: On a fixed part of the training samples.
        epoch: The kept pass that the predictions are of; None for the best one.
        decoding: The temperature and the decision that follow the network.
        signals: What happened inside the network, one row a sampled pass.
        dynamics: How the samples of `train_predictions` fared in these passes.
        honest: What is compared instead of `predictions`, where these choose the run's members.
    """

    path: Path
    summary: RunSummary
    recipe: Recipe
    preprocessing: Preprocessing
    history: tuple[Epoch, ...]
    gates: tuple[Gate, ...]
    predictions: Predictions
    train_predictions: Predictions | None
    epoch: int | None = None
    decoding: Decoding = field(default_factory=Decoding)
    signals: tuple[PassSignals, ...] = ()
    dynamics: SampleDynamics | None = None
    honest: Predictions | None = None

    @property
    def compared(self) -> Predictions:
        """The predictions on the validation part by which the run is judged against others."""
        return self.predictions if self.honest is None else self.honest

    def is_on(self, made_of: Mapping[str, str]) -> bool:
        """Whether it learnt from these data and this split, as far as its record tells."""
        own = self.summary.made_of
        return all(own.get(key, made_of[key]) == made_of[key] for key in ON & made_of.keys())

    @cached_property
    def metrics(self) -> tuple[Metric, ...]:
        """All metrics on the validation part, with intervals; those of the decision come last."""
        return measured(self.predictions, self.decoding, primary=self.summary.metric)

    @property
    def score(self) -> Metric:
        """The primary metric on the validation part."""
        name = named(self.summary.metric).name
        return next(metric for metric in self.metrics if metric.name == name)


def measured(predictions: Predictions, decoding: Decoding, *, primary: str) -> tuple[Metric, ...]:
    """All metrics of predictions, with intervals, those of the decision and the primary among them.

    Args:
        predictions: Of any part.
        decoding: What followed the network.
        primary: The metric that decides, which may be one of the user's own: then it comes first.
    """
    names = (*reported_names(predictions), *metric_names(decoding.decision))
    found = evaluate(predictions, names=names)
    return found if primary in names else (*evaluate(predictions, names=[primary]), *found)


def at_pass(record: RunRecord, epoch: int | None, problem: Problem) -> RunRecord:
    """The record with what a kept pass says of the validation part instead of the best one.

    Raises:
        UsageError: If the weights of that pass were not kept.
    """
    if epoch is None or epoch == record.summary.best_epoch:
        return record
    said = predicted(record.path, problem, problem.rows("val"), epoch=epoch)
    return replace(record, predictions=said, train_predictions=None, epoch=epoch)


def read_run(path: Path) -> RunRecord:
    """The record of the finished run in a folder.

    Raises:
        CorruptFileError: If a file is missing or damaged.
    """
    if not (path / "run.json").exists():
        raise CorruptFileError(
            f"The run {path.name!r} is not finished: it has no run.json.",
            hint="Run the command that made it again; it goes on where it stopped.",
        )
    summary = read_summary(path)
    check_files(path, RECORDS)
    train, honest = path / "train_predictions.parquet", path / HONEST
    return RunRecord(
        path=path,
        summary=summary,
        recipe=read_recipe(path / "recipe.yaml"),
        preprocessing=read_preprocessing(path),
        history=read_history(path),
        gates=read_gates(path),
        predictions=read_predictions(path / "predictions.parquet"),
        train_predictions=read_predictions(train) if train.exists() else None,
        decoding=read_decoding(path),
        signals=read_signals(path),
        dynamics=read_dynamics(path),
        honest=read_predictions(honest) if honest.exists() else None,
    )
