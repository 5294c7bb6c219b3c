"""Making a run again, and comparing it with its record number by number."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from phoropter.core.events import Listener
from phoropter.core.files import read_json, storage_errors, write_json
from phoropter.core.predictions import ClassPredictions, Predictions
from phoropter.core.records import Metric
from phoropter.core.run_records import Epoch
from phoropter.project.folder import run_folder
from phoropter.project.opened import existing
from phoropter.project.replay_result import Compared, ReplayResult
from phoropter.project.run_record import RunRecord, read_run
from phoropter.training.conditions import DECIDING
from phoropter.training.replay import made_again, weights

FILE = "replay.json"

Numbers = Mapping[str, NDArray[Any]]

_CHANGED = {
    "data": "The data are not what they were: a content, a label or an annotation has changed.",
    "split": "The split is not what it was.",
    "metric": "The metric is not what it was.",
    "code": "The code of phoropter is not what it was.",
    "weights": "The file of weights that training starts from is not what it was.",
}


def replay_run(run: str | Path, project: str | Path | None, *, listener: Listener) -> ReplayResult:
    """Makes a finished run again and compares it with what it left, which is not touched.

    How it went is written beside it (`replay.json`).
    """
    begun = time.monotonic()
    folder, path = run_folder(run, project)
    record = read_run(path)
    with existing(folder, listener=listener) as opened:
        problem = opened.problem()
        with (
            storage_errors(folder.path),
            tempfile.TemporaryDirectory(dir=folder.path, prefix=".replay-") as within,
        ):
            again = read_run(made_again(path, problem, within=Path(within), listener=listener))
            compared = tuple(_compared(record, again))
        changed = changes(record.summary.made_of, again.summary.made_of)
        identical = all(item.different == 0 for item in compared)
        result = ReplayResult(
            run=record.summary.run,
            project=str(folder.path),
            identical=identical,
            compared=compared,
            changed=changed,
            because=_because(record, identical=identical, changed=changed),
            seconds=time.monotonic() - begun,
        )
        write_json(path / FILE, result)
    return result


def replayed(path: Path) -> bool | None:
    """Whether the last replay of the run in this folder gave the same bits; None without one."""
    return bool(read_json(path / FILE)["identical"]) if (path / FILE).exists() else None


def changes(then: Mapping[str, str], now: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """What is on record and is no longer what it was, with both; what decides the numbers first."""
    names = [name for name in then if then[name] != now.get(name, "")]
    names.sort(key=lambda name: name not in DECIDING and not name.startswith("own "))
    return {name: (then[name], now.get(name, "")) for name in names}


def _because(
    record: RunRecord, *, identical: bool, changed: Mapping[str, tuple[str, str]]
) -> tuple[str, ...]:
    """Why the numbers differ, or what has changed without an effect, one sentence each."""
    told = [_sentence(name, *pair) for name, pair in changed.items()]
    if identical or told:
        return tuple(told)
    if not record.summary.made_of:
        return ("The record is of an older version and does not say what the run was made of.",)
    if record.summary.made_of.get("device", "cpu") != "cpu":
        return ("Nothing on record has changed; on such a device, sums vary in their last bits.",)
    return ("Nothing on record has changed: this run does not give the same numbers twice.",)


def _sentence(name: str, then: str, now: str) -> str:
    if name in _CHANGED:
        return _CHANGED[name]
    if name.startswith("own "):
        return f"The source of your own part under {name.removeprefix('own ')} is not what it was."
    return f"Then the run was computed with {name} {then}, now with {now or 'none'}."


def _compared(record: RunRecord, again: RunRecord) -> Iterator[Compared]:
    """Every kind of number that a run leaves, the earliest first: there the difference began."""
    if record.history or again.history:
        yield compare_numbers("history", _of_history(record.history), _of_history(again.history))
    if not record.summary.members:  # an ensemble has none of its own
        yield compare_numbers("weights", weights(record.path), weights(again.path))
    for name, one, other in (
        ("train_predictions", record.train_predictions, again.train_predictions),
        ("predictions", record.predictions, again.predictions),
    ):
        if one is not None and other is not None:
            yield compare_numbers(name, _of_predictions(one), _of_predictions(other))
    yield compare_numbers("metrics", _of_metrics(record.metrics), _of_metrics(again.metrics))


def compare_numbers(name: str, then: Numbers, now: Numbers) -> Compared:
    """How many numbers are not the same to the bit, by how much at most, and where first.

    Numbers that one side lacks count as different. Two that are not finite alike are the same.
    """
    count = different = 0
    largest, first = 0.0, ""
    for key in dict.fromkeys((*then, *now)):
        old, new = then.get(key), now.get(key)
        if old is None or new is None or old.shape != new.shape:
            size = max(0 if old is None else old.size, 0 if new is None else new.size)
            count, different, first = count + size, different + size, first or key
            continue
        apart = ~_alike(old, new)
        count += old.size
        if apart.any():
            different += int(apart.sum())
            first = first or key
            largest = max(largest, _gap(old[apart], new[apart]))
    return Compared(name, count, different, largest, first)


def _alike(old: NDArray[Any], new: NDArray[Any]) -> NDArray[np.bool_]:
    same = np.asarray(old == new)
    if old.dtype.kind == "f" and new.dtype.kind == "f":
        same |= np.isnan(old) & np.isnan(new)
    return same


def _gap(old: NDArray[Any], new: NDArray[Any]) -> float:
    """The largest finite difference; 0.0 for names."""
    if old.dtype.kind not in "fi" or new.dtype.kind not in "fi":
        return 0.0
    gaps = np.abs(old.astype(np.float64) - new.astype(np.float64))
    return float(gaps[np.isfinite(gaps)].max(initial=0.0))


def _of_history(rows: Sequence[Epoch]) -> dict[str, NDArray[Any]]:
    """Each pass by itself, so that the first one that differs is named."""
    return {f"pass {row.epoch}": _doubles(list(asdict(row).values())) for row in rows}


def _of_metrics(metrics: Sequence[Metric]) -> dict[str, NDArray[Any]]:
    return {item.name: _doubles([item.value, item.low, item.high, item.n]) for item in metrics}


def _of_predictions(said: Predictions) -> dict[str, NDArray[Any]]:
    tables: dict[str, NDArray[Any]] = {"ids": said.ids, "truth": said.truth}
    if isinstance(said, ClassPredictions):
        return {**tables, "probabilities": said.probabilities, "decided": said.predicted}
    return {**tables, "values": said.values}


def _doubles(values: Sequence[float | None]) -> NDArray[np.float64]:
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)
