"""A finished run's summary, and whether the files it was made of are still what they were."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from phoropter.core.checksums import check_unchanged, checksums, read_record, write_record
from phoropter.core.errors import CorruptFileError
from phoropter.core.events import Listener, Note
from phoropter.core.records import Normalization, Preprocessing, TargetSchema
from phoropter.core.run_records import KeptPass, RunSummary
from phoropter.training.checkpoint import BEST
from phoropter.training.decoding import FILE as DECODING
from phoropter.training.dynamics import FILE as DYNAMICS
from phoropter.training.gates import FILE as GATES
from phoropter.training.history import HISTORY
from phoropter.training.signals import FILE as SIGNALS

SUMMARY = "run.json"
_LATER = ("own", "waiting", "waited_s", "kept", "members", "made_of")
"""Fields that the records of older versions lack."""

RECORDS = (
    "recipe.yaml",
    HISTORY,
    SIGNALS,
    DYNAMICS,
    GATES,
    DECODING,
    "predictions.parquet",
    "train_predictions.parquet",
)
"""Files that a finished run is read from, besides its weights; checked against its summary."""

TEST_PREDICTIONS = "test_predictions.parquet"
"""There once the seal was opened for the run."""

UNFINISHED = ("budget", "losing", "interrupted")
"""Ends that more time would have changed; such a run goes on when it is asked for again."""


def write_summary(folder: Path, summary: RunSummary, preprocessing: Preprocessing) -> None:
    """Writes `run.json`, the last file of a run, with the checksums of the others."""
    others = [one.weights for one in summary.kept[1:]]
    facts = {
        **asdict(summary),
        "preprocessing": asdict(preprocessing),
        "files": checksums(folder, (*RECORDS, BEST, *others)),
    }
    write_record(folder / SUMMARY, facts)


def is_done(folder: Path) -> bool:
    """Whether the run in this folder has ended, and not merely been cut short."""
    return (folder / SUMMARY).exists() and read_summary(folder).stopped_by not in UNFINISHED


def read_summary(folder: Path) -> RunSummary:
    """The outcome of a run.

    Raises:
        CorruptFileError: If it is damaged.
    """
    with _damage_told(folder / SUMMARY):
        facts = read_record(folder / SUMMARY)
        values = {
            field.name: facts[field.name]
            for field in fields(RunSummary)
            if field.name in facts or field.name not in _LATER
        }
        kept = tuple(KeptPass(**one) for one in values.pop("kept", ()))
        members = tuple(values.pop("members", ()))
        schema = _schema(values.pop("schema"))
        return RunSummary(**values, schema=schema, kept=kept, members=members)


def check_files(folder: Path, names: Iterable[str]) -> None:
    """Refuses files of a finished run that are not what the run left.

    Raises:
        CorruptFileError: If one is missing or has changed.
    """
    with _damage_told(folder / SUMMARY):
        facts = read_record(folder / SUMMARY)
        hint = "Delete the run's folder and run the command that made it again."
        if facts["stopped_by"] in UNFINISHED:
            hint = "Run the command that made it again; it goes on where it stopped."
        check_unchanged(folder, facts.get("files", {}), names, hint=hint)


def tell_if_fewer(folder: Path, keep: int, listener: Listener) -> None:
    """Says so where a finished run kept fewer passes than are asked for now."""
    summary = read_summary(folder)
    if 0 < len(summary.kept) < min(keep, summary.epochs + 1):  # classic models have no passes
        listener(
            Note(
                f"The run was made before, and {len(summary.kept)} of its passes kept; to have "
                f"more, delete {str(folder)!r} and run the same command again."
            )
        )


def _schema(facts: Mapping[str, Any]) -> TargetSchema:
    return TargetSchema(
        kind=facts["kind"],
        names=tuple(facts["names"]),
        counts=tuple(facts["counts"]),
        offset=tuple(facts["offset"]),
        scale=tuple(facts["scale"]),
    )


def read_preprocessing(folder: Path) -> Preprocessing:
    """What led from the image files to the network's input.

    Raises:
        CorruptFileError: If the record of it is damaged.
    """
    with _damage_told(folder / SUMMARY):
        facts = read_record(folder / SUMMARY)["preprocessing"]
        statistics = facts.pop("normalization")
        normalization = Normalization(tuple(statistics["mean"]), tuple(statistics["std"]))
        columns = tuple(facts.pop("columns", ()))
        return Preprocessing(normalization=normalization, columns=columns, **facts)


@contextmanager
def _damage_told(path: Path) -> Iterator[None]:
    try:
        yield
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise CorruptFileError(
            f"{str(path)!r} is damaged: {error!r}.",
            hint="Delete the run's folder and run the command again.",
        ) from error
