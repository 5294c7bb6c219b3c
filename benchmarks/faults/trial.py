"""One run of the suite, made and judged as a user would: look, train, diagnose; then the cure."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from faults import FAULTS, Case
from image_sets import ImageSet, load, write
from pairs import PAIRS
from plan import HEALTHY, Key

import phoropter
from phoropter.core.errors import InterruptedRunError
from phoropter.core.predictions import ClassPredictions, read_predictions
from phoropter.core.records import Finding
from phoropter.project.results import RunResult

SCORE = "balanced_accuracy"
"""By which all runs are compared: unequal classes do not move what guessing gets."""


def tried(key: Key, data: Path | None, work: Path) -> dict[str, Any]:
    """What the diagnosis says of a run, and what its first cure brings.

    Args:
        key: Which run.
        data: Folder of the sets that are not built in.
        work: Where images, projects and runs are kept; what is there already is not made again.
    """
    begun = time.monotonic()
    pair = PAIRS[key.pair]
    case = Case(pair.family, load(pair.images, data), pair.settings)
    if key.fault != HEALTHY:
        case = FAULTS[key.fault].plant(case)
    case = case.set(seed=key.seed)
    project = project_for(case.images, work, key)
    row: dict[str, Any] = {**asdict(key), "half": pair.part, "images": case.images.name}
    row |= _judged(case, project)
    if key.fault != HEALTHY and FAULTS[key.fault].repairable and row["cure"]:
        cured = trained(case.set(**row["cure"]), project)
        row["cured"] = cured if isinstance(cured, str) else score(cured)
        row["cured_answers"] = {} if isinstance(cured, str) else _answers(cured, project)
    return {**row, "seconds": round(time.monotonic() - begun, 2)}


def _judged(case: Case, project: Path) -> dict[str, Any]:
    """The run's score and findings; a refusal is a finding, by the error's code."""
    run = trained(case, project)
    if isinstance(run, str):
        return {"score": None, "findings": [[run, "critical", 1.0]], "cure": None, "epochs": 0}
    found = phoropter.diagnose(run.run, project=project).findings
    loud = [item for item in found if item.severity != "info"]
    return {
        "score": score(run),
        "answers": _answers(run, project),
        "epochs": run.epochs,
        "findings": [[item.code, item.severity, round(item.confidence, 3)] for item in found],
        "messages": [item.message for item in loud],
        "cure": _first_change(loud),
        "run": run.run,
        "trained_s": round(run.seconds, 2),
    }


def _first_change(loud: list[Finding]) -> dict[str, Any] | None:
    """The first prescription that a machine can carry out."""
    cures = (cure for item in loud for cure in item.prescriptions if cure.change)
    return next((dict(cure.change) for cure in cures), None)


def trained(case: Case, project: Path) -> RunResult | str:
    """The run, or the code of the error with which it was refused."""
    images = project.parent.parent / "images" / case.images.name
    try:
        return phoropter.train(
            images, project=project, recipe=phoropter.Recipe(), settings=case.settings
        )
    except InterruptedRunError:
        raise  # it is the suite that is to stop
    except phoropter.PhoropterError as error:
        return error.code


def score(run: RunResult) -> float:
    """On the validation part."""
    return next(metric.value for metric in run.metrics if metric.name == SCORE)


def _answers(run: RunResult, project: Path) -> dict[str, str]:
    """Of each class its validation samples in order, "1" where the answer is right."""
    told = read_predictions(project / "runs" / run.run / "predictions.parquet")
    if not isinstance(told, ClassPredictions):
        return {}
    right = np.where(told.predicted == told.truth, "1", "0")
    order = np.argsort(told.ids)
    return {
        name: "".join(right[[row for row in order if told.truth[row] == label]])
        for label, name in enumerate(told.classes)
    }


def project_for(images: ImageSet, work: Path, key: Key) -> Path:
    """A project of its own on these images, which were looked at once for all of their runs."""
    project = work / "projects" / "-".join(map(str, asdict(key).values()))
    if project.exists():
        return project
    looked = _looked_at(images, work)
    with _new_folder(project) as partial:
        shutil.copytree(looked, partial, ignore=_only_records, dirs_exist_ok=True)
        (partial / "data" / "cache").symlink_to(looked / "data" / "cache")
    return project


def _only_records(folder: str, names: list[str]) -> set[str]:
    return {"cache"} if Path(folder).name == "data" else {n for n in names if n == "look.html"}


def _looked_at(images: ImageSet, work: Path) -> Path:
    folder, project = work / "images" / images.name, work / "looked" / images.name
    if not folder.exists():
        with _new_folder(folder) as partial:
            write(images, partial)
    if not project.exists():
        with _new_folder(project) as partial:
            phoropter.look(folder, project=partial)
            (partial / "data" / "cache").mkdir(exist_ok=True)
    return project


@contextmanager
def _new_folder(place: Path) -> Iterator[Path]:
    """A folder that appears when the block ends well; the first of several makers wins."""
    place.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=".", dir=place.parent))
    try:
        yield partial
        try:
            partial.rename(place)
        except OSError:
            if not place.exists():
                raise
    finally:
        shutil.rmtree(partial, ignore_errors=True)
