"""Batches that come in the same order in every pass."""

from __future__ import annotations

from collections.abc import Iterator

from phoropter.core.records import Finding
from phoropter.diagnosis.evidence import RunEvidence
from phoropter.diagnosis.gates import failed


def rule(evidence: RunEvidence) -> Iterator[Finding]:
    """Speaks if the gate "unshuffled" did not pass: a warning if the samples are sorted besides.

    Well mixed samples lose little by a fixed order; sorted ones make each step undo the last.
    """
    for gate in failed(evidence, "unshuffled"):
        in_order = bool(gate.evidence.get("sorted", False))
        yield Finding(
            "unshuffled",
            "warning" if in_order else "info",
            0.9 if in_order else 0.7,
            "The batches are the same in every pass (rank correlation of their losses "
            f"{gate.measured:.2f}), and seem to be sorted: learning one after the other does worse "
            "than a constant prediction."
            if in_order
            else "The batches are the same in every pass: their losses rise and fall together "
            f"(rank correlation {gate.measured:.2f}).",
            {"measured": gate.measured, "expected": gate.expected, **gate.evidence},
        )
