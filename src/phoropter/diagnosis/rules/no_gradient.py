"""A layer without a gradient never learns."""

from __future__ import annotations

from collections.abc import Iterator

from phoropter.core.records import Finding
from phoropter.diagnosis.evidence import RunEvidence
from phoropter.diagnosis.gates import critical, failed


def rule(evidence: RunEvidence) -> Iterator[Finding]:
    """Speaks if the gate "no-gradient" did not pass."""
    for gate in failed(evidence, "no-gradient"):
        yield critical(
            gate,
            "Some trainable layers receive no gradient "
            f"({gate.measured:.3g} measured, {gate.expected:.3g} expected), so they never learn.",
        )
