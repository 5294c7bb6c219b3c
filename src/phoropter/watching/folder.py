"""The folder of a watched run: what a loop leaves in it, and how it is read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from phoropter.core.errors import CorruptFileError, UsageError
from phoropter.core.files import read_json, write_json
from phoropter.core.predictions import Predictions, read_predictions
from phoropter.core.recipe import Recipe
from phoropter.core.records import TargetSchema
from phoropter.core.run_records import Epoch, Gate, PassSignals, RunSummary
from phoropter.training.gates import FILE as GATES
from phoropter.training.gates import read_gates
from phoropter.training.history import HISTORY, TIMING, epoch_from, epoch_values, read_history
from phoropter.training.signals import FILE as SIGNALS
from phoropter.training.signals import read_signals
from phoropter.training.summary import SUMMARY

FILE = "watch.json"
PREDICTIONS = "predictions.parquet"
_OURS = (FILE, HISTORY, TIMING, SIGNALS, GATES, PREDICTIONS, "findings.json", "curves.html")


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a watched loop besides its curves (`watch.json`).

    Args:
        recipe: Recipe keys that could be seen, with their values.
        metric: Name of what `val_metric` measures; empty where nobody knows.
        schema: The target, as far as it is known.
        steps: Optimiser steps made.
        seconds: Since the recording began.
        samples_per_second: Of training.
        waiting: Share of the training time in which the loop waited for its next batch.
        ended: Whether the loop came to its end.
        partial: The pass under way, as a row of the history; None right after the end of one.
        waited_s: The seconds of that wait; None in records of older versions.
    """

    recipe: Mapping[str, Any]
    metric: str
    schema: TargetSchema
    steps: int
    seconds: float
    samples_per_second: float
    waiting: float
    ended: bool
    partial: Epoch | None = None
    waited_s: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class WatchedRun:
    """A watched run read back from its folder."""

    path: Path
    facts: Facts
    recipe: Recipe
    history: tuple[Epoch, ...]
    gates: tuple[Gate, ...]
    signals: tuple[PassSignals, ...]
    predictions: Predictions | None

    @property
    def summary(self) -> RunSummary:
        """The outcome; without an identifier, by which prescriptions know to give advice."""
        losses = {row.epoch: row.val_loss for row in self.history if row.val_loss is not None}
        size = self.facts.recipe.get("train.batch_size")
        return RunSummary(
            run="",
            metric=self.facts.metric,
            epochs=self.history[-1].epoch if self.history else 0,
            steps=self.facts.steps,
            best_epoch=min(losses, key=losses.__getitem__) if losses else 0,
            seconds=self.facts.seconds,
            samples_per_second=self.facts.samples_per_second,
            stopped_by="finished" if self.facts.ended else "interrupted",
            numerics={} if size is None else {"batch_size": size},
            schema=self.facts.schema,
            features="",
            waiting=self.facts.waiting,
            waited_s=self.facts.waited_s,
        )


def is_watched(path: Path) -> bool:
    """Whether the folder holds what `phoropter.watch` wrote."""
    return (path / FILE).exists()


def prepare(folder: Path) -> None:
    """Removes the records of an earlier watched run, and nothing else.

    Raises:
        UsageError: If the folder is that of a run of phoropter's own.
    """
    if (folder / SUMMARY).exists():
        raise UsageError(
            f"{str(folder)!r} is the folder of another run.", hint="Choose another folder."
        )
    if is_watched(folder):
        for name in _OURS:
            (folder / name).unlink(missing_ok=True)


def write_facts(folder: Path, facts: Facts) -> None:
    """Writes `watch.json`."""
    values = asdict(facts)
    values["partial"] = None if facts.partial is None else epoch_values(facts.partial)
    write_json(folder / FILE, values)


def read_watched(folder: Path) -> WatchedRun:
    """What a watched loop has left so far.

    Raises:
        CorruptFileError: If a file is damaged.
    """
    facts = _facts(folder)
    history = _with_partial(read_history(folder), facts.partial)
    path = folder / PREDICTIONS
    return WatchedRun(
        path=folder,
        facts=facts,
        recipe=Recipe().changed(facts.recipe),
        history=history,
        gates=read_gates(folder),
        signals=read_signals(folder),
        predictions=read_predictions(path) if path.exists() else None,
    )


def _with_partial(history: Sequence[Epoch], partial: Epoch | None) -> tuple[Epoch, ...]:
    """The pass under way belongs to the curves if it is newer than their last row."""
    if partial is None or (history and partial.step <= history[-1].step):
        return tuple(history)
    return (*history, partial)


def _facts(folder: Path) -> Facts:
    values = read_json(folder / FILE)
    try:
        schema = values["schema"]
        values["schema"] = TargetSchema(
            kind=schema["kind"],
            names=tuple(schema["names"]),
            counts=tuple(schema["counts"]),
            scale=tuple(schema["scale"]),
        )
        values["partial"] = None if values["partial"] is None else epoch_from(values["partial"])
        return Facts(**values)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise CorruptFileError(
            f"{str(folder / FILE)!r} is damaged: {error!r}.",
            hint="Delete the folder and run the loop again.",
        ) from error
