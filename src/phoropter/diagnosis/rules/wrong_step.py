"""A step of the optimiser that does not move what it should, or moves what it should not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from phoropter.core.records import Finding
from phoropter.diagnosis.evidence import RunEvidence
from phoropter.diagnosis.gates import critical, failed


def rule(evidence: RunEvidence) -> Iterator[Finding]:
    """Speaks if the gate "wrong-step" did not pass; says which way it is wrong."""
    for gate in failed(evidence, "wrong-step"):
        yield critical(gate, _message(gate.evidence, gate.measured))


def _message(evidence: Mapping[str, Any], updates: float) -> str:
    if evidence.get("unmoved"):
        return "Some trainable layers have a gradient, and the optimiser does not move them."
    if evidence.get("moved"):
        return "Some frozen layers change all the same when a step is made."
    return f"The optimiser makes {updates:.3g} steps for each batch instead of one."
