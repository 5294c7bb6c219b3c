"""Rare classes that pay for the frequent ones."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from phoropter.core.predictions import ClassPredictions
from phoropter.core.records import Finding
from phoropter.diagnosis.evidence import RunEvidence
from phoropter.diagnosis.rarity import rare
from phoropter.diagnosis.scores import CONSTANT_MODELS, share_error

WORSE = 0.15  # recall that the rare classes lack
ERRORS = 3.0  # standard errors that the difference must exceed
LEAST_RARE = 5  # validation samples of rare classes


def rule(evidence: RunEvidence) -> Iterator[Finding]:
    """Speaks if the rare classes together are found clearly less often than the others.

    Counts of the training part say which are rare; single classes are not judged, because a
    class of six samples swings by 17 points a sample. Imbalance that does no harm is no fault.
    """
    predictions, counts = evidence.predictions, evidence.summary.schema.counts
    if not isinstance(predictions, ClassPredictions) or len(counts) < 2:
        return
    if evidence.recipe.model.name in CONSTANT_MODELS:
        return
    few_samples = np.array(rare(counts))
    known = predictions.truth >= 0
    truth, guess = predictions.truth[known], predictions.predicted[known]
    is_rare = few_samples[truth] if len(truth) else np.zeros(0, bool)
    few, many = int(is_rare.sum()), int((~is_rare).sum())
    if few < LEAST_RARE or many < LEAST_RARE:
        return
    hit = guess == truth
    low, high = float(hit[is_rare].mean()), float(hit[~is_rare].mean())
    error = float(np.hypot(share_error(low, few), share_error(high, many)))
    if high - low < max(WORSE, ERRORS * error):
        return
    names = [
        name for name, flag in zip(evidence.summary.schema.names, few_samples, strict=True) if flag
    ]
    yield Finding(
        "class-imbalance",
        "warning",
        0.9,
        f"The rare classes are missed: {low:.0%} of their {few} validation samples are found, "
        f"against {high:.0%} of the others.",
        {
            "rare_classes": names,
            "recall_rare": low,
            "recall_others": high,
            "difference_error": error,
            "n_rare": few,
            "ratio": float(max(counts) / max(int(min(counts)), 1)),
        },
    )
