"""A variation of training images that makes another class of them."""

from __future__ import annotations

from collections.abc import Iterator

from phoropter.core.records import Finding
from phoropter.diagnosis.evidence import RunEvidence
from phoropter.diagnosis.gates import failed

SHOWN = 3


def rule(evidence: RunEvidence) -> Iterator[Finding]:
    """Speaks if the gate "label-breaking-augmentation" did not pass."""
    for gate in failed(evidence, "label-breaking-augmentation"):
        lost = gate.evidence["lost"]
        cases = "; ".join(
            f"{item['kind']} turns {item['taken']} of {item['samples']} '{item['class']}' into "
            f"'{item['becomes']}'"
            for item in lost[:SHOWN]
        )
        yield Finding(
            "label-breaking-augmentation",
            "warning",
            0.95,
            f"Augmentation makes other classes of training images: {cases}.",
            {"measured": gate.measured, "expected": gate.expected, **gate.evidence},
        )
