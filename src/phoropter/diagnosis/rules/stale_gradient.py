"""Gradients that are added to those of earlier steps."""

from __future__ import annotations

from collections.abc import Iterator

from phoropter.core.records import Finding
from phoropter.diagnosis.evidence import RunEvidence
from phoropter.diagnosis.gates import critical, failed


def rule(evidence: RunEvidence) -> Iterator[Finding]:
    """Speaks if the gate "stale-gradient" did not pass; only loops of others can fail."""
    for gate in failed(evidence, "stale-gradient"):
        yield critical(
            gate,
            "Gradients are not cleared: after "
            f"{gate.measured:.0%} of the steps the next gradient was added to the one before.",
        )
