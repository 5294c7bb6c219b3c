"""An error that is mostly in the labels."""

from __future__ import annotations

from collections.abc import Iterator

from phoropter.core.records import Finding
from phoropter.diagnosis.evidence import RunEvidence
from phoropter.diagnosis.limits import budget

MOST = 0.5  # of the validation error
LEAST = 0.01  # error that matters


def rule(evidence: RunEvidence) -> Iterator[Finding]:
    """Speaks if at least half of the validation error cannot be avoided; an "info".

    Silent where the floor is unknown.
    """
    found = budget(evidence)
    floor = found.parts.get("noise_floor")
    if floor is None or found.error is None or floor.low <= 0 or found.error < LEAST:
        return
    if floor.value < MOST * found.error:
        return
    yield Finding(
        "noise-limited",
        "info",
        0.8,
        f"Of the validation error of {found.error:.1%}, about {floor.value:.1%} cannot be avoided: "
        "better models would hardly show.",
        {"error": found.error, "noise_floor": floor.value, "low": floor.low, "high": floor.high},
    )
