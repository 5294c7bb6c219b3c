"""An answer that depends on the company its sample is in."""

from __future__ import annotations

from collections.abc import Iterator

from phoropter.core.records import Finding
from phoropter.diagnosis.evidence import RunEvidence
from phoropter.diagnosis.gates import critical, failed


def rule(evidence: RunEvidence) -> Iterator[Finding]:
    """Speaks if the gate "batch-mixing" did not pass."""
    for gate in failed(evidence, "batch-mixing"):
        yield critical(
            gate,
            "The answer for one sample depends on the other samples of its batch: "
            f"{100 * gate.measured:.2g}% of its gradient is theirs, and none should be.",
        )
