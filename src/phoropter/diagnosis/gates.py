"""The verdicts of checks made before training, as findings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from phoropter.core.records import Finding
from phoropter.core.run_records import Gate
from phoropter.diagnosis.evidence import RunEvidence

MIRROR = "mirror"  # what the audit of variation calls that kind; of every second image
NAMED = 4  # parts of the network in a sentence; more are in the evidence


def failed(evidence: RunEvidence, name: str) -> Iterator[Gate]:
    """The gate of that name, if it was recorded and did not pass."""
    return (gate for gate in evidence.gates if gate.name == name and not gate.passed)


def critical(gate: Gate, message: str) -> Finding:
    """The finding of a gate that makes tuning pointless until it passes."""
    numbers = {"measured": gate.measured, "expected": gate.expected, **gate.evidence}
    return Finding(gate.name, "critical", 0.95, message, numbers)


def named(names: Sequence[str], count: int | None = None) -> str:
    """The first few names, and how many more there are.

    >>> named("abc"), named("abcdefg"), named("abcdefg", 100)
    ('a, b, c', 'a, b, c, d and 3 more', 'a, b, c, d and 96 more')

    Args:
        names: In the order of the network; not all of them, perhaps.
        count: Of them all; by default the names are all there are.
    """
    first, rest = ", ".join(names[:NAMED]), (len(names) if count is None else count) - NAMED
    return f"{first} and {rest} more" if rest > 0 else first
