"""A network that does as well without its input has learnt nothing from it."""

from __future__ import annotations

from collections.abc import Iterator

from phoropter.core.records import Finding
from phoropter.diagnosis.evidence import RunEvidence
from phoropter.diagnosis.gates import critical, failed


def rule(evidence: RunEvidence) -> Iterator[Finding]:
    """Speaks if the gate "input-ignored" did not pass."""
    for gate in failed(evidence, "input-ignored"):
        yield critical(
            gate,
            "Real inputs do no better than blank ones "
            f"({gate.measured:.3g} measured, {gate.expected:.3g} expected): the input does not "
            "reach the output, or the labels have nothing to do with it.",
        )
