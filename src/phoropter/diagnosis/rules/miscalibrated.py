"""Probabilities that do not come true."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from phoropter.core.predictions import ClassPredictions
from phoropter.core.records import Finding
from phoropter.diagnosis.calibration import consistency
from phoropter.diagnosis.evidence import RunEvidence
from phoropter.diagnosis.scores import CONSTANT_MODELS

LEAST_SAMPLES = 50  # fewer than a handful a bin: the noise drowns everything
EXCESS = 0.05  # calibration error beyond what sampling explains, in probability


def rule(evidence: RunEvidence) -> Iterator[Finding]:
    """Speaks if the calibration error exceeds sampling noise, and by enough to matter.

    The noise is that of a perfectly calibrated model with the very same confidences: the error
    must lie beyond its 99 % quantile, and 0.05 above its mean. A model that is not sure enough
    errs on the safe side, as regularised and briefly trained ones do: that is only an "info".
    """
    predictions = evidence.predictions
    if not isinstance(predictions, ClassPredictions):
        return
    if evidence.recipe.model.name in CONSTANT_MODELS:
        return
    known = predictions.truth >= 0
    if known.sum() < LEAST_SAMPLES:
        return
    confidence = predictions.probabilities[known].max(axis=1)
    hits = predictions.most_probable[known] == predictions.truth[known]
    found = consistency(confidence, hits, seed=evidence.recipe.seed)
    if found.error <= found.quantile or found.error - found.mean < EXCESS:
        return
    over = float(confidence.mean()) - float(np.mean(hits))
    direction = "too sure of itself" if over > 0 else "not sure enough"
    yield Finding(
        "miscalibrated",
        "warning" if over > 0 else "info",
        0.9,
        f"The model is {direction}: on average it claims {confidence.mean():.1%} and is right "
        f"in {np.mean(hits):.1%} (calibration error {found.error:.3f}, chance explains "
        f"{found.mean:.3f}).",
        {
            "ece": found.error,
            "ece_if_calibrated": found.mean,
            "ece_limit": found.quantile,
            "overconfidence": over,
            "n": len(hits),
        },
    )
