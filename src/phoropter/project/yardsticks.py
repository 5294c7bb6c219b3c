"""What a run is judged by besides itself: its data, people, rivals, unseen training samples."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from phoropter.comparison.optimism import optimism
from phoropter.core.errors import UsageError
from phoropter.core.predictions import ClassPredictions, read_predictions
from phoropter.core.records import Finding, Metric
from phoropter.diagnosis.evidence import HeldOut, RunEvidence
from phoropter.metrics import named
from phoropter.project.collecting import (
    ROLE,
    TRAIN_DEV,
    class_weights,
    mistakes,
    read_collected,
)
from phoropter.project.folder import Folder
from phoropter.project.notebook import Notebook
from phoropter.project.repeating import ROLE as REPEAT
from phoropter.project.repeating import repeats_of, whole_runs
from phoropter.project.run_record import RunRecord, read_run
from phoropter.training.summary import SUMMARY, TEST_PREDICTIONS

_COUNTED = re.compile(r"(\d{1,9})/(\d{1,9})")
_HALF_WIDTH = 1.96  # of a 95 % interval, in standard errors


def measured_against(
    evidence: RunEvidence,
    record: RunRecord,
    folder: Folder,
    notebook: Notebook,
    *,
    human: str | None = None,
) -> RunEvidence:
    """The evidence with what is known of the data, and all that its error can be compared with.

    Args:
        evidence: Of the run.
        record: The run.
        folder: Of its project.
        notebook: Of its project.
        human: The error of people, see `people`; None if nobody measured it.

    Raises:
        UsageError: If `human` is no error.
    """
    collected = read_collected(record.path)
    held_out = None
    if collected is not None and (folder.runs / collected.half / TRAIN_DEV).exists():
        half = folder.runs / collected.half
        held_out = HeldOut(read_predictions(half / TRAIN_DEV), read_run(half).predictions)
    among = chosen_among(record, folder, notebook)
    test = record.path / TEST_PREDICTIONS
    return replace(
        evidence,
        data_findings=notebook.last_look()[0],
        test_predictions=read_predictions(test) if test.exists() else None,
        floor=_floor(record, notebook, human),
        held_out=held_out,
        forecast=None if collected is None else collected.forecast,
        optimism=None if among is None else among[1],
        repeats=_repeated(record, folder, notebook),
    )


def _floor(record: RunRecord, notebook: Notebook, human: str | None) -> Metric | None:
    """What people, or the labels, leave no model to avoid; nothing is known of numbers."""
    if isinstance(record.predictions, ClassPredictions):
        return labels(notebook.last_look()[0]) if human is None else people(human)
    if human is not None:
        raise UsageError("The error of people is known of classes only, and these are numbers.")
    return None


def people(text: str) -> Metric:
    """The error of people, from a share or from mistakes counted among samples.

    Its interval is Wilson's (1927); a bare share has none.

    >>> found = people("3/150")
    >>> round(found.value, 3), round(found.low, 3), round(found.high, 3)
    (0.02, 0.007, 0.057)

    Raises:
        UsageError: If it is neither.
    """
    counted = _COUNTED.fullmatch(text.strip())
    if counted and 0 <= int(counted[1]) <= int(counted[2]) and int(counted[2]):
        wrong, n = int(counted[1]), int(counted[2])
        share, z2 = wrong / n, _HALF_WIDTH**2
        centre = (share + z2 / (2 * n)) / (1 + z2 / n)
        reach = _HALF_WIDTH * math.sqrt(share * (1 - share) / n + z2 / (4 * n**2)) / (1 + z2 / n)
        return Metric("noise_floor", share, max(centre - reach, 0.0), centre + reach, n)
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0 <= share < 1:
        raise UsageError(
            f"The error of people is a share or a count, got {text!r}.",
            hint="For example 0.02, or 3/150 for 3 mistakes on 150 samples.",
        )
    return Metric("noise_floor", share, share, share, 0)


def labels(findings: Iterable[Finding]) -> Metric | None:
    """The share of wrong labels that looking at the data found; None where it found none.

    A model that is always right errs on as many. Copies with different labels bound it from below:
    at least one of each pair is wrong.
    """
    found = {finding.code: finding.evidence for finding in findings}
    share = low = high = n = 0.0
    if "label-errors" in found:
        told = found["label-errors"]
        share, low, high, n = (float(told[key]) for key in ("share", "low", "high", "judged"))
    least = float(found.get("conflicting-duplicates", {}).get("share", 0.0)) / 2
    share, low, high = max(share, least), max(low, least), max(high, least)
    return Metric("noise_floor", share, low, high, int(n)) if share > 0 else None


def chosen_among(
    record: RunRecord, folder: Folder, notebook: Notebook
) -> tuple[int, Metric] | None:
    """Of how many runs this one has the lowest validation error, and by how much that flatters it.

    None where another has a lower one, or there is no other.
    """
    own = record.predictions
    if not isinstance(own, ClassPredictions):
        return None
    names = dict.fromkeys(run for run, role, _ in notebook.runs() if role not in {ROLE, REPEAT})
    finished = [folder.runs / run for run in names if (folder.runs / run / SUMMARY).exists()]
    # Of a run that is going on these are still what its summary is about; its history is not.
    rivals = [read_predictions(path / "predictions.parquet") for path in finished]
    losses = np.array([mistakes(item) for item in rivals if np.array_equal(item.ids, own.ids)])
    losses = losses * class_weights(own.truth, record.summary.metric)
    mine = (mistakes(own) * class_weights(own.truth, record.summary.metric)).mean()
    if len(losses) < 2 or mine > losses.mean(axis=1).min():
        return None
    return len(losses), optimism(losses)


def _repeated(record: RunRecord, folder: Folder, notebook: Notebook) -> tuple[float, ...]:
    """The primary metric of the same recipe under other seeds, as far as they were trained."""
    alike = repeats_of(record, whole_runs(folder, notebook).values())
    metric = named(record.summary.metric)
    return tuple(metric(other.predictions) for other in alike[1:])
