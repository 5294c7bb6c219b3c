"""Classes of very different sizes."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from phoropter.core.records import Finding, Prescription
from phoropter.look.evidence import LookEvidence
from phoropter.look.wording import wording

SPOKEN_RATIO = 1.5
"""Largest to smallest class below which the classes count as balanced."""

WARNING_RATIO = 3.0
"""With two classes, always saying the larger one is right in 75 % of cases: from here accuracy
says more about the classes' sizes than about the model. A starting point, not a law (compare
Buda, Maki, Mazurowski, "A systematic study of the class imbalance problem", 2018)."""


def check(evidence: LookEvidence) -> Iterable[Finding]:
    """One finding where the largest class has several times the samples of the smallest."""
    if evidence.labels is None or not len(evidence.labels):
        return
    names, counts = np.unique(evidence.labels, return_counts=True)
    largest, smallest = int(counts.argmax()), int(counts.argmin())
    ratio = float(counts[largest] / counts[smallest])
    if ratio < SPOKEN_RATIO:
        return
    severe = ratio > WARNING_RATIO
    majority = float(counts[largest] / counts.sum())
    yield Finding(
        code="class-imbalance",
        severity="warning" if severe else "info",
        confidence=1.0,
        message=(
            f"{str(names[largest])!r} has {counts[largest]:,} samples and "
            f"{str(names[smallest])!r} {counts[smallest]:,} ({ratio:.1f} to 1); always saying "
            f"{str(names[largest])!r} would be right in {majority:.0%} of cases."
        ),
        evidence={
            "ratio": ratio,
            "warning_ratio": WARNING_RATIO,
            "majority_share": majority,
            "largest": str(names[largest]),
            "smallest": str(names[smallest]),
            "counts": {str(name): int(count) for name, count in zip(names, counts, strict=True)},
        },
        prescriptions=_prescriptions(evidence, str(names[smallest])) if severe else (),
    )


def _prescriptions(evidence: LookEvidence, smallest: str) -> tuple[Prescription, ...]:
    samples = wording(evidence.dataset).samples
    return (
        Prescription(
            change={"train.class_weights": "balanced"},
            advice="Give every class the same weight in the loss.",
            expected_gain=None,
            cost=1.0,
            why="Unweighted, the loss is mostly that of the large classes, and recall of the small "
            "ones is traded for it.",
        ),
        Prescription(
            change={},
            advice=f"Collect more {samples} of the smallest classes, {smallest!r} first.",
            expected_gain=None,
            cost=1.0,
            why=f"Weights repeat the same few {samples}; new ones add information.",
        ),
    )
