"""A model that more data would help."""

from __future__ import annotations

from collections.abc import Iterator

from phoropter.core.records import Finding
from phoropter.diagnosis.evidence import RunEvidence

LEAST = 0.01  # fall of the error by twice the data that labelling is worth at all
LEAST_SHARE = 0.1  # of the error: a share that usual tuning does not beat (see the table of priors)


def rule(evidence: RunEvidence) -> Iterator[Finding]:
    """Speaks if the forecast gain from twice the data is certain and large; an "info".

    Silent where no learning curve was measured, or where it is ill-behaved.
    """
    found = evidence.forecast
    if found is None or not found.gains:
        return
    twice, most = found.gains[0], found.gains[-1]
    error = found.levels[-1].error
    if twice.low <= 0 or twice.value < max(LEAST, LEAST_SHARE * error):
        return
    yield Finding(
        "data-limited",
        "info",
        0.8,
        f"More data would help: with {twice.samples:,} training samples the error is expected to "
        f"fall by {twice.value:.1%} (90 % interval {twice.low:.1%} to {twice.high:.1%}), with "
        f"{most.samples:,} by {most.value:.1%} ({most.low:.1%} to {most.high:.1%}).",
        {
            "error": error,
            "training_samples": found.levels[-1].samples,
            "more_samples": twice.samples - round(found.levels[-1].samples),
            "gain_of_twice": twice.value,
            "low": twice.low,
            "high": twice.high,
            "gain_of_four_times": most.value,
            "label_next": [worth.name for worth in found.label_next],
        },
    )
