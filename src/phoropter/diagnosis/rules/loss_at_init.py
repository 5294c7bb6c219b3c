"""A wrong loss before the first step betrays a wrong head, target or loss."""

from __future__ import annotations

from collections.abc import Iterator

from phoropter.core.records import Finding
from phoropter.diagnosis.evidence import RunEvidence
from phoropter.diagnosis.gates import failed


def rule(evidence: RunEvidence) -> Iterator[Finding]:
    """Speaks if the gate "loss-at-init" did not pass; training may still recover from it."""
    for gate in failed(evidence, "loss-at-init"):
        yield Finding(
            "loss-at-init",
            "warning",
            0.9,
            f"Before the first step the loss is {gate.measured:.3g} where "
            f"{gate.expected:.3g} is expected: the last layer, the targets or the loss are off.",
            {"measured": gate.measured, "expected": gate.expected, **gate.evidence},
        )
