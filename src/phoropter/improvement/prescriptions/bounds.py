"""What to do about that which holds a sound run back: data, capacity, labels, mismatch."""

from __future__ import annotations

from collections.abc import Iterator

from phoropter.core.records import Finding, Prescription
from phoropter.diagnosis.evidence import RunEvidence
from phoropter.improvement.prescriptions import changes
from phoropter.improvement.prescriptions.making import advice

_SHOWN = 3  # classes to be labelled first


def data(finding: Finding, _evidence: RunEvidence) -> Iterator[Prescription]:
    """As many labels again, of the classes where they help most first; the gain was forecast."""
    more, first = finding.evidence.get("more_samples"), finding.evidence.get("label_next", [])
    names = ", ".join(map(repr, first[:_SHOWN]))
    yield Prescription(
        {},
        f"Label {more} more samples, which doubles the training part"
        + (f"; begin with {names}." if names else "."),
        finding.evidence.get("gain_of_twice"),
        1.0,
        "Continued from what smaller parts of the data reach, over several families of curves "
        "(Mahmood et al. 2022).",
    )


def capacity(_finding: Finding, evidence: RunEvidence) -> Iterator[Prescription]:
    """More room: fine-tuning, a pretrained trunk, width, pixels, time."""
    yield from changes.fine_tune(evidence)
    yield from changes.pretrained_trunk(evidence)
    yield from changes.wider(evidence)
    yield from changes.larger_images(evidence)
    yield from changes.less_augmentation(evidence)
    yield from changes.longer(evidence)


def noise(_finding: Finding, _evidence: RunEvidence) -> Iterator[Prescription]:
    """Better labels, not better models."""
    yield advice(
        "Correct the labels of the validation and test parts before tuning any further.",
        why="Wrong labels in a held-out part count right answers as mistakes (Northcutt et al. "
        "2021).",
        cost=0.0,
    )


def mismatch(_finding: Finding, _evidence: RunEvidence) -> Iterator[Prescription]:
    """Training samples like those that matter."""
    yield advice(
        "Look at what the wrongly answered validation samples have that training samples lack, "
        "and collect training samples like them.",
        why="Neither a larger model nor more of the same data closes this gap (Ng, Machine "
        "Learning Yearning, chapters 41 to 43).",
    )
