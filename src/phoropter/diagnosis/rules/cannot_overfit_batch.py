"""A network that cannot learn eight samples by heart has a fault that no tuning mends."""

from __future__ import annotations

from collections.abc import Iterator

from phoropter.core.records import Finding
from phoropter.diagnosis.evidence import RunEvidence
from phoropter.diagnosis.gates import critical, failed
from phoropter.diagnosis.narrow import too_narrow


def rule(evidence: RunEvidence) -> Iterator[Finding]:
    """Speaks if the gate "cannot-overfit-batch" did not pass.

    Not of a network that is too narrow for its classes: that is no fault of the set-up.
    """
    if too_narrow(evidence):
        return
    for gate in failed(evidence, "cannot-overfit-batch"):
        yield critical(
            gate,
            "The network cannot learn one small batch by heart: its loss ends at "
            f"{gate.measured:.3g} instead of below {gate.expected:.3g}. That is a fault in the "
            "set-up, not a matter of tuning.",
        )
