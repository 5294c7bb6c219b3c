"""A deep model that a classic one beats on the same samples."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from phoropter.core.records import Finding
from phoropter.diagnosis.evidence import RunEvidence
from phoropter.diagnosis.scores import primary_value

TO_ERROR = 3.92  # width of a 95 % interval in standard errors
CERTAIN = 2.0  # standard errors of a difference
ASSUMED_CORRELATION = 0.5  # of two models on the same samples; measured values lie above it


def rule(evidence: RunEvidence) -> Iterator[Finding]:
    """Speaks if a baseline's primary metric is at least as good: a warning if clearly better.

    Only intervals of the baselines are known, not their predictions, so the error of the
    difference is bounded by assuming a cautious correlation. Runs of classic models are silent.
    """
    own = primary_value(evidence) if evidence.ladder and evidence.history else None
    if own is None or not np.isfinite(own):
        return
    sign = 1.0 if evidence.greater_is_better else -1.0
    name, best = max(evidence.ladder.items(), key=lambda item: sign * item[1].value)
    lead = sign * (best.value - own)
    error = (best.high - best.low) / TO_ERROR * float(np.sqrt(2 * (1 - ASSUMED_CORRELATION)))
    if lead < 0:
        return
    clear = lead > CERTAIN * error
    verb = "beats this model" if clear else "is as good as this model"
    yield Finding(
        "classic-wins",
        "warning" if clear else "info",
        0.9 if clear else 0.5,
        f"The classic model {name!r} {verb}: {evidence.metric} {best.value:.3f} against {own:.3f}.",
        {
            "baseline": name,
            "baseline_value": best.value,
            "baseline_low": best.low,
            "baseline_high": best.high,
            "own_value": own,
            "lead": lead,
            "lead_error": error,
        },
    )
