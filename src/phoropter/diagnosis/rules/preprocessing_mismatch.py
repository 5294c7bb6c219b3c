"""Images that enter a network otherwise than its weights were made for."""

from __future__ import annotations

from collections.abc import Iterator

from phoropter.core.records import Finding, Severity
from phoropter.core.run_records import Gate
from phoropter.diagnosis.evidence import RunEvidence
from phoropter.diagnosis.gates import failed

CERTAIN = 0.5  # standard deviations, or logarithms of a ratio, from which it is a warning


def rule(evidence: RunEvidence) -> Iterator[Finding]:
    """Speaks if the gate "preprocessing-mismatch" did not pass."""
    for gate in failed(evidence, "preprocessing-mismatch"):
        numbers = {"measured": gate.measured, "expected": gate.expected, **gate.evidence}
        against_weights = gate.evidence.get("from") == "weights"
        message = _of_weights(gate) if against_weights else _of_inputs(gate)
        slight = against_weights and gate.measured < CERTAIN
        severity: Severity = "info" if slight else "warning"
        yield Finding("preprocessing-mismatch", severity, 0.9, message, numbers)


def _of_weights(gate: Gate) -> str:
    return (
        "The images are not normalised as those were that the pretrained weights were made with: "
        f"a channel is {gate.measured:.2f} off, in standard deviations or as the logarithm of "
        "their ratio."
    )


def _of_inputs(gate: Gate) -> str:
    return (
        f"The numbers that enter the network have a standard deviation of {gate.measured:.3g} and "
        f"means up to {gate.evidence.get('farthest', 0.0):.3g} of them from zero; about 1 and "
        "about 0 are what its first layer is made for."
    )
