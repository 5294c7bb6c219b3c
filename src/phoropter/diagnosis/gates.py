"""The verdicts of checks made before training, as findings."""

from __future__ import annotations

from collections.abc import Iterator

from phoropter.core.records import Finding
from phoropter.core.run_records import Gate
from phoropter.diagnosis.evidence import RunEvidence


def failed(evidence: RunEvidence, name: str) -> Iterator[Gate]:
    """The gate of that name, if it was recorded and did not pass."""
    return (gate for gate in evidence.gates if gate.name == name and not gate.passed)


def critical(gate: Gate, message: str) -> Finding:
    """The finding of a gate that makes tuning pointless until it passes."""
    numbers = {"measured": gate.measured, "expected": gate.expected, **gate.evidence}
    return Finding(gate.name, "critical", 0.95, message, numbers)
