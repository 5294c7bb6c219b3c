"""A primary metric that hides what matters."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from phoropter.core.predictions import ClassPredictions, ValuePredictions
from phoropter.core.records import Finding
from phoropter.diagnosis.evidence import RunEvidence

MAJORITY = 0.75  # accuracy that is given away for nothing
BLIND = frozenset({"accuracy", "micro_f1", "micro_precision", "micro_recall"})
NEAR_ZERO = 0.05  # of the targets' median size: dividing by it says little about the model
SHARE_NEAR_ZERO = 0.01


def rule(evidence: RunEvidence) -> Iterator[Finding]:
    """Speaks if accuracy judges very unequal classes, or percentages judge targets near zero."""
    schema, predictions = evidence.summary.schema, evidence.predictions
    if evidence.metric in BLIND and isinstance(predictions, ClassPredictions) and schema.counts:
        share = max(schema.counts) / max(sum(schema.counts), 1)
        if share >= MAJORITY:
            yield Finding(
                "wrong-metric",
                "warning",
                0.9,
                f"{evidence.metric} is a poor judge here: always answering the most frequent class "
                f"already scores {share:.0%}. Macro F1 weighs the classes alike.",
                {"metric": evidence.metric, "majority_share": share},
            )
    if evidence.metric == "mape" and isinstance(predictions, ValuePredictions):
        sizes = np.abs(predictions.truth[np.isfinite(predictions.truth)])
        near = float(np.mean(sizes < NEAR_ZERO * np.median(sizes))) if len(sizes) else 0.0
        if near >= SHARE_NEAR_ZERO:
            yield Finding(
                "wrong-metric",
                "warning",
                0.9,
                f"mape divides by targets of which {near:.0%} lie near zero; use mae or rmse.",
                {"metric": "mape", "share_near_zero": near},
            )
