"""Cures of images that are varied too much or too little."""

from __future__ import annotations

from collections.abc import Iterator

from phoropter.core.records import Finding, Prescription
from phoropter.diagnosis.evidence import RunEvidence
from phoropter.improvement.prescriptions import changes
from phoropter.improvement.prescriptions.making import prescription

WEAK = "light"


def too_strong(_finding: Finding, evidence: RunEvidence) -> Iterator[Prescription]:
    """Without what comes on top of the preset, then a weaker one, then more time for it."""
    augment = evidence.recipe.data.augment
    extras = {
        "data.augment.policy": ("none", augment.policy),
        "data.augment.erasing": (0.0, augment.erasing),
        "data.augment.pipeline": ((), augment.pipeline),
        "data.augment.own": (None, augment.own),
    }
    change = {key: off for key, (off, now) in extras.items() if now != off}
    if change:
        yield prescription(
            evidence,
            "less-regularisation",
            change,
            "Vary the training images by the preset alone.",
            share=0.3,
        )
    if augment.preset in {"medium", "strong"}:
        yield prescription(
            evidence,
            "less-regularisation",
            {**change, "data.augment.preset": WEAK},
            f"Vary the training images less: augmentation {WEAK!r}.",
            share=0.25,
        )
    yield from changes.less_augmentation(evidence)
    yield from changes.longer(evidence)


def too_weak(_finding: Finding, evidence: RunEvidence) -> Iterator[Prescription]:
    """The next stronger preset, or mixed images."""
    yield from changes.more_augmentation(evidence)
    yield from changes.mixed_samples(evidence)
