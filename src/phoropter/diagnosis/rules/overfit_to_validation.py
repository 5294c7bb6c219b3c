"""A validation score that choosing among runs has made better than it is."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from phoropter.core.records import Finding
from phoropter.diagnosis.evidence import RunEvidence
from phoropter.diagnosis.scores import score

ERRORS = 3.0  # standard errors of the difference between two parts: p < .002 one-sided
WORSE = 0.02  # difference that matters
LEAST = 0.005  # optimism that would show in a report


def rule(evidence: RunEvidence) -> Iterator[Finding]:
    """Speaks if the opened test part is certainly worse, or the optimism exceeds luck.

    Only of a run that was chosen among several for its validation error: others have no optimism.
    """
    val, optimism = score(evidence, evidence.predictions), evidence.optimism
    if val is None or optimism is None:
        return
    test = score(evidence, evidence.test_predictions)
    numbers = {
        "val_score": val.value,
        "val_error": val.error,
        "optimism": optimism.value,
        "low": optimism.low,
        "high": optimism.high,
    }
    if test is not None:
        fall, error = val.value - test.value, float(np.hypot(val.error, test.error))
        if fall >= max(WORSE, ERRORS * error):
            beyond = fall - ERRORS * error > optimism.high
            yield Finding(
                "overfit-to-validation",
                "warning",
                0.6 if beyond else 0.9,
                f"The chosen run scores {val.value:.1%} on validation and {test.value:.1%} on the "
                "opened test part: "
                + (
                    "more than choosing explains, so the test part may be of another kind."
                    if beyond
                    else "it was chosen for what validation happens to like."
                ),
                {**numbers, "test_score": test.value, "fall": fall, "fall_error": error},
            )
            return
    if optimism.low > 0 and optimism.value >= max(LEAST, val.error):
        yield Finding(
            "overfit-to-validation",
            "info",
            0.8,
            f"Choosing among the runs flatters the validation score by about {optimism.value:.1%}, "
            f"more than its standard error of {val.error:.1%}.",
            numbers,
        )
