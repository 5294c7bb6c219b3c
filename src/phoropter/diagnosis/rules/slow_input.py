"""A network that waits for its data."""

from __future__ import annotations

from collections.abc import Iterator

from phoropter.core.records import Finding
from phoropter.diagnosis.evidence import RunEvidence

NOTED = 1 / 3  # without the wait the run would take two thirds of its time
SERIOUS = 1 / 2
LEAST_S = 10.0  # of waiting; nobody minds less


def rule(evidence: RunEvidence) -> Iterator[Finding]:
    """Speaks if batches came so slowly that the network stood still for a third of the time."""
    summary = evidence.summary
    waited_s = summary.waited_s
    if waited_s is None:  # records of older versions: at most so many, for validation took some
        waited_s = summary.waiting * summary.seconds
    if summary.waiting < NOTED or waited_s < LEAST_S:
        return
    yield Finding(
        "slow-input",
        "warning" if summary.waiting >= SERIOUS else "info",
        0.9,
        f"The network waited for its data for {100 * summary.waiting:.0f} % of the training time.",
        {"share": summary.waiting, "waited_s": waited_s, "fastest": 1 / (1 - summary.waiting)},
    )
