"""A validation part that is harder than unseen samples like those of training."""

from __future__ import annotations

from collections.abc import Iterator

from phoropter.core.records import Finding
from phoropter.diagnosis.evidence import RunEvidence
from phoropter.diagnosis.limits import budget

NOTABLE = 0.02  # shift that deserves a word
CLEAR = 0.05  # and a warning


def rule(evidence: RunEvidence) -> Iterator[Finding]:
    """Speaks if the error on validation exceeds that on held-out training samples for certain.

    Silent where no model was tried on such samples.
    """
    shift = budget(evidence).parts.get("shift")
    if shift is None or shift.low <= 0 or shift.value < NOTABLE:
        return
    yield Finding(
        "data-mismatch",
        "warning" if shift.value >= CLEAR else "info",
        0.9,
        f"Validation is unlike training: its error is {shift.value:.1%} higher than that of unseen "
        "samples drawn like the training part "
        f"(95 % interval {shift.low:.1%} to {shift.high:.1%}).",
        {"shift": shift.value, "low": shift.low, "high": shift.high, "samples": shift.n},
    )
