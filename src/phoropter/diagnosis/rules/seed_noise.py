"""Differences that another seed would undo."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from phoropter.core.records import Finding
from phoropter.diagnosis.evidence import RunEvidence
from phoropter.diagnosis.scores import CONSTANT_MODELS, primary_value, share_error

LEAST_RUNS = 3  # the run and two repeats
UNSTABLE = 3.0  # times the standard error of a share on the validation part
LARGE = 0.03  # spread of a metric in [0, 1] that matters
CERTAIN = 2.0  # standard deviations of a difference


def rule(evidence: RunEvidence) -> Iterator[Finding]:
    """Speaks if the spread over seeds is large, or exceeds the lead over the best baseline.

    Silent without repeats. A large spread is a warning: training is unstable. A small lead is
    only an "info" about what may be claimed.
    """
    own = primary_value(evidence) if evidence.repeats else None
    if own is None or len(evidence.repeats) + 1 < LEAST_RUNS:
        return
    values = np.array([own, *evidence.repeats])
    spread, mean = float(values.std(ddof=1)), float(values.mean())
    numbers = {"spread": spread, "mean": mean, "own_value": own, "runs": len(values)}
    limit = _limit(evidence, mean)
    if limit is not None and spread > limit:
        yield Finding(
            "seed-noise",
            "warning",
            0.8,
            f"Training is unstable: over {len(values)} seeds the {evidence.metric} spreads by "
            f"{spread:.3f} (from {values.min():.3f} to {values.max():.3f}).",
            {**numbers, "limit": limit},
        )
        return
    lead = _lead(evidence, mean)
    if lead is None or abs(lead) >= CERTAIN * spread * np.sqrt(1 + 1 / len(values)):
        return
    yield Finding(
        "seed-noise",
        "info",
        0.7,
        f"The lead of {lead:.3f} over the best baseline is within the spread over seeds "
        f"({spread:.3f}): another seed could undo it.",
        {**numbers, "lead": lead},
    )


def _limit(evidence: RunEvidence, mean: float) -> float | None:
    if evidence.predictions is None or not (evidence.greater_is_better and 0 <= mean <= 1):
        return None
    return max(LARGE, UNSTABLE * share_error(mean, len(evidence.predictions)))


def _lead(evidence: RunEvidence, mean: float) -> float | None:
    rivals = [
        metric.value for name, metric in evidence.ladder.items() if name not in CONSTANT_MODELS
    ]
    if not rivals:
        return None
    return mean - max(rivals) if evidence.greater_is_better else min(rivals) - mean
