"""The same picture under different labels: at least one of them is wrong."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import polars as pl
from numpy.typing import NDArray

from phoropter.core.records import Finding, Prescription, Severity
from phoropter.look.evidence import LookEvidence
from phoropter.look.listing import counted, listed

CRITICAL_SHARE = 0.05
"""Share of samples in conflict from which the labels as a whole cannot be trusted."""

TOLERANCE = 0.1
"""Numbers of one file may differ by this many standard deviations of the target."""

TEXT_DISTANCE = 0.1
"""Copies of a text that have less than nine tenths in common may differ in the word that counts."""

_SAME = {
    "image": "of files show the same picture and have different targets; at least one of each "
    "pair is wrong",
    "text": "of texts say the same and have different targets; at least one of each pair is wrong",
    "table": "of rows agree in every input and have different targets: the inputs do not decide "
    "the target, or one of each pair is wrong",
}


def check(evidence: LookEvidence) -> Iterable[Finding]:
    """One finding for all conflicts; of numbers only those of identical files are compared."""
    if not evidence.dataset.targets:  # objects and masks are no single value to compare
        return
    pairs = _twin_pairs(evidence)
    if evidence.labels is not None:
        pairs = np.concatenate([pairs, _surely_alike(evidence)])
    conflicts = pairs[_differ(evidence, pairs)]
    if not len(conflicts):
        return
    targets = evidence.dataset.table.select(evidence.dataset.targets).rows()
    share = len(np.unique(conflicts)) / len(evidence.dataset)
    severity: Severity = "critical" if share >= CRITICAL_SHARE else "warning"
    if evidence.dataset.modality == "table":
        severity = "info"  # people alike in every column may fare differently; pictures may not
    yield Finding(
        code="conflicting-duplicates",
        severity=severity,
        confidence=0.95,
        message=f"{counted(len(conflicts), 'pair')} {_SAME[evidence.dataset.modality]}.",
        evidence={
            "pairs": len(conflicts),
            "share": share,
            "critical_share": CRITICAL_SHARE,
            "samples": listed(
                [
                    {"id": str(evidence.ids[row]), "target": _shown(targets[row])}
                    for row in pair.tolist()
                ]
                for pair in conflicts
            ),
        },
        prescriptions=(
            Prescription(
                change={},
                advice="Look at the listed pairs and correct or delete the wrong ones.",
                expected_gain=None,
                cost=0.0,
                why="No model can be right on both, so each pair costs accuracy in training and "
                "in measurement.",
            ),
        ),
    )


def _surely_alike(evidence: LookEvidence) -> NDArray[np.int64]:
    """Copies; of texts those that differ in so little that they cannot mean something else."""
    copies = evidence.copies
    if evidence.dataset.modality != "text":
        return copies.pairs
    return copies.pairs[copies.distances <= TEXT_DISTANCE]


def _twin_pairs(evidence: LookEvidence) -> NDArray[np.int64]:
    """Each further member of a group of identical files beside the group's first."""
    pairs = [(int(rows[0]), int(row)) for rows in evidence.twins for row in rows[1:]]
    return np.array(pairs, dtype=np.int64).reshape(-1, 2)


def _differ(evidence: LookEvidence, pairs: NDArray[np.int64]) -> NDArray[np.bool_]:
    if evidence.labels is not None:
        return np.asarray(evidence.labels[pairs[:, 0]] != evidence.labels[pairs[:, 1]])
    table = evidence.dataset.table.select(evidence.dataset.targets)
    if evidence.dataset.task != "regression":
        spelt = table.select(pl.struct(pl.all()).struct.json_encode()).to_series().to_numpy()
        return np.asarray(spelt[pairs[:, 0]] != spelt[pairs[:, 1]])
    values = table.cast(pl.Float64).to_numpy()
    gap = np.abs(values[pairs[:, 0]] - values[pairs[:, 1]])
    return np.asarray((gap > TOLERANCE * _spread(values)).any(axis=1))


def _spread(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Standard deviation of each column of targets, (k,), without what lies far out of range."""
    low, high = np.nanquantile(values, [0.05, 0.95], axis=0)
    middle = np.where(high > low, np.clip(values, 2 * low - high, 2 * high - low), values)
    return np.asarray(np.nanstd(middle, axis=0))


def _shown(target: tuple[object, ...]) -> object:
    return target[0] if len(target) == 1 else list(target)
