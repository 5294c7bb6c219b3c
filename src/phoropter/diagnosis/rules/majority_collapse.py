"""A classifier that always gives the same answer."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from phoropter.core.predictions import ClassPredictions
from phoropter.core.records import Finding
from phoropter.diagnosis.evidence import RunEvidence
from phoropter.diagnosis.falling import FEW_STEPS
from phoropter.diagnosis.narrow import too_narrow
from phoropter.diagnosis.passes import loss_left
from phoropter.diagnosis.rarity import rare
from phoropter.diagnosis.scores import CONSTANT_MODELS, score

ALMOST_ALL = 0.98  # of the predictions
LEAST_OTHERS = 5  # samples of other classes; with fewer, always the same may be right
LEARNT = 0.5  # of the way from a constant prediction to a perfect one, of training score or loss
FOUND = 0.1  # of the other classes' samples, at most


def rule(evidence: RunEvidence) -> Iterator[Finding]:
    """Speaks if nearly all validation samples get one class and the others are not found.

    Not of the first steps, in which a network learns to give one answer to all, nor of a network
    that is too narrow to learn; nor where it tells as many training samples of each class apart:
    then it is what it has learnt by heart, or that the held-out samples are others, and that has
    names of its own.
    """
    predictions = evidence.predictions
    if not isinstance(predictions, ClassPredictions):
        return
    alike = _alike(evidence)
    if alike and (too_narrow(evidence) or _just_begun(evidence) or _learnt(evidence)):
        return
    if evidence.recipe.model.name in CONSTANT_MODELS:
        return
    known = predictions.truth >= 0
    truth, guess = predictions.truth[known], predictions.predicted[known]
    if not len(truth):
        return
    counts = np.bincount(guess, minlength=len(predictions.classes))
    top = int(counts.argmax())
    share, others = float(counts[top] / len(guess)), truth != top
    if share < ALMOST_ALL or others.sum() < LEAST_OTHERS:
        return
    recall = float(np.mean(guess[others] == truth[others]))
    if recall > FOUND:
        return
    yield Finding(
        "majority-collapse",
        "critical",
        0.95,
        f"The model answers {predictions.classes[top]!r} for {share:.0%} of the validation "
        f"samples; {int(others.sum())} of {len(truth)} are something else.",
        {
            "class": predictions.classes[top],
            "predicted_share": share,
            "true_share": float(1 - others.mean()),
            "recall_of_others": recall,
            "n": len(truth),
        },
    )


def _alike(evidence: RunEvidence) -> bool:
    """Whether no class has so few training samples that it counts as rare."""
    counts = evidence.summary.schema.counts
    return bool(counts) and not any(rare(counts))


def _just_begun(evidence: RunEvidence) -> bool:
    """Whether too few steps were made to tell classes apart."""
    return 0 < evidence.summary.steps < FEW_STEPS


def _learnt(evidence: RunEvidence) -> bool:
    """Whether training samples are told apart, by the kept weights or by those of the end.

    Where the validation loss only rises, the kept ones are those of a pass that knew nothing yet.
    """
    fitted, left = score(evidence, evidence.train_predictions), loss_left(evidence)
    kept = fitted is not None and fitted.skill >= LEARNT
    return kept or (left is not None and left <= 1 - LEARNT)
