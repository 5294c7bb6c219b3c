"""Labels that a trained model contradicts although it knows the matter."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from phoropter.core.predictions import ClassPredictions
from phoropter.core.records import Finding
from phoropter.core.seed import generator
from phoropter.diagnosis.evidence import RunEvidence
from phoropter.diagnosis.scores import gap
from phoropter.metrics.noise_floor import NoiseFloor, fit_noise_floor

ALPHA = 1e-4  # of there being no wrong labels
LEAST = 0.02  # lower end of their share that matters
ROUGHNESS = 0.1  # lower end as a share of all mistakes; sound labels came to 0.09 at most
FEWEST = 100  # samples; fewer have too few sure mistakes to be told from luck
ON_TRAINING = (
    0.5  # of it that training samples must show too: else validation is merely unlike them
)
TRAIN_ERRORS = 2.0  # standard errors of the training score, by which they must show it
ERRORS = 3.0  # standard errors by which training samples may be answered worse than unseen ones
WORSE = 0.03  # and the difference that deserves a word
MOST_NUMBERS = 2_000_000  # probabilities that are judged: about a second
LISTED = 50  # samples; every one has to be looked at by somebody


def rule(evidence: RunEvidence) -> Iterator[Finding]:
    """Speaks if sure mistakes are too many for sound labels, or training labels are contradicted.

    Hard samples are answered hesitantly. Labels that were exchanged are contradicted as surely as
    others are confirmed, whatever the model: a floor under the error that no temperature explains.
    """
    predictions, found = evidence.predictions, gap(evidence)
    if not isinstance(predictions, ClassPredictions) or not evidence.history or found is None:
        return
    known = _judged(predictions)
    if len(known) < FEWEST:
        return
    floor = fit_noise_floor(predictions.truth[known], predictions.probabilities[known])
    wrong = float(np.mean(predictions.most_probable[known] != predictions.truth[known]))
    certain = floor.p_value <= ALPHA and floor.low >= max(LEAST, ROUGHNESS * wrong)
    shown = 1 - found.train.value - TRAIN_ERRORS * found.train.error
    if certain and shown >= ON_TRAINING * floor.low:
        yield _of_validation(evidence, predictions.take(known), floor)
        return
    error = float(np.hypot(found.train.error, found.val.error))  # other samples, other scores
    if -found.value < max(WORSE, ERRORS * error):
        return
    yield Finding(
        "label-noise",
        "warning",
        0.6,
        f"The model contradicts {1 - found.train.value:.1%} of the training labels it learnt from, "
        f"but only {1 - found.val.value:.1%} of those of validation: training labels are likely "
        "wrong.",
        {
            "train_error": 1 - found.train.value,
            "val_error": 1 - found.val.value,
            "difference_error": error,
            "samples": _never_learnt(evidence),
        },
    )


def _judged(predictions: ClassPredictions) -> NDArray[np.int64]:
    """Positions of the samples with a known label, drawn where all of them would take seconds."""
    known = np.flatnonzero(predictions.truth >= 0)
    most = max(FEWEST, MOST_NUMBERS // len(predictions.classes))
    if len(known) > most:
        known = np.sort(generator(0, "label-noise").choice(known, most, replace=False))
    return np.asarray(known, dtype=np.int64)


def _of_validation(
    evidence: RunEvidence, predictions: ClassPredictions, floor: NoiseFloor
) -> Finding:
    guess = predictions.most_probable
    order = np.argsort(-floor.wrong, kind="stable")
    suspects = [row for row in order.tolist() if guess[row] != predictions.truth[row]]
    samples = [
        _sample(predictions, row, doubt=float(floor.wrong[row]), part="val")
        for row in suspects[:LISTED]
        if floor.wrong[row] > 0.5
    ]
    return Finding(
        "label-noise",
        "warning",
        0.9,
        f"About {floor.share:.1%} of the labels are wrong (95 % interval {floor.low:.1%} to "
        f"{floor.high:.1%}): the model contradicts them as surely as it confirms others.",
        {
            "share": floor.share,
            "low": floor.low,
            "high": floor.high,
            "p_value": floor.p_value,
            "judged": len(predictions),
            "samples": samples + _never_learnt(evidence),
        },
    )


def _never_learnt(evidence: RunEvidence) -> list[dict[str, Any]]:
    """Training samples by the mean loss of all passes up to the kept one, the highest first.

    Of those which the kept weights contradict. Wrong labels are learnt last, and by heart (Pleiss
    et al. 2020 rank by the area under the margin, of which the loss is a smooth version).
    """
    predictions, dynamics = evidence.train_predictions, evidence.dynamics
    if not isinstance(predictions, ClassPredictions) or dynamics is None:
        return []
    before = dynamics.epochs <= max(evidence.summary.best_epoch, 1)
    losses = dynamics.losses[before].mean(axis=0)
    agreed = (dynamics.answers[before] == predictions.truth).mean(axis=0)
    contradicted = (predictions.most_probable != predictions.truth) & (predictions.truth >= 0)
    rows = np.flatnonzero(contradicted & (agreed < 0.5))
    ranked = rows[np.argsort(-losses[rows], kind="stable")][:LISTED]
    return [
        _sample(predictions, row, doubt=1.0 - float(agreed[row]), part="train")
        for row in ranked.tolist()
    ]


def _sample(predictions: ClassPredictions, row: int, *, doubt: float, part: str) -> dict[str, Any]:
    return {
        "id": str(predictions.ids[row]),
        "given": predictions.classes[predictions.truth[row]],
        "suggested": predictions.classes[predictions.most_probable[row]],
        "doubt": round(doubt, 3),
        "part": part,
    }
