"""What holds a network back from learning by heart: restraints of its weights and its labels.

Where one is no cure of what was found, but may help, `of_a_head` says what to expect of it.
"""

from __future__ import annotations

from collections.abc import Iterator

from phoropter.core.records import Prescription
from phoropter.core.references import is_reference
from phoropter.diagnosis.evidence import RunEvidence
from phoropter.improvement.prescriptions.making import is_frozen, prescription, rounded
from phoropter.metrics import named

OF_A_HEAD = 0.005
"""Share of the error that a restraint removes where all that learns is a head on frozen features.

On five sets no restraint was accepted in ten runs of two minutes, and over five folds on two of
them none brought a gain in accuracy or macro F1 beyond chance (docs/benchmarks.md).
"""


def smoother_labels(evidence: RunEvidence, *, share: float | None = None) -> Iterator[Prescription]:
    """Label smoothing 0.1; a loss of the user's own does not know of it."""
    train = evidence.recipe.train
    if evidence.summary.schema.kind != "classes" or train.label_smoothing >= 0.1:
        return
    if is_reference(train.loss):
        return
    yield prescription(
        evidence,
        "smooth-labels",
        {"train.label_smoothing": 0.1},
        "Smooth the labels: a tenth of the mass goes to all classes.",
        share=share,
    )


def more_weight_decay(
    evidence: RunEvidence, *, share: float | None = None
) -> Iterator[Prescription]:
    """Three times the weight decay."""
    old = evidence.recipe.train.weight_decay
    new = rounded(old * 3) if old > 0 else 0.01
    if new > 1.0:
        return
    yield prescription(
        evidence,
        "weight-decay",
        {"train.weight_decay": new},
        f"Pull the weights harder to zero: weight decay {new:g} instead of {old:g}.",
        share=share,
    )


def more_dropout(evidence: RunEvidence, *, share: float | None = None) -> Iterator[Prescription]:
    """Dropout up by 0.2, to 0.5 at most."""
    old = evidence.recipe.model.dropout
    new = rounded(min(old + 0.2, 0.5))
    if new <= old:
        return
    yield prescription(
        evidence,
        "dropout",
        {"model.dropout": new},
        f"Dropout {new:g} instead of {old:g}.",
        share=share,
    )


def averaged_weights(
    evidence: RunEvidence, *, share: float | None = None
) -> Iterator[Prescription]:
    """A moving average of the weights over about a tenth of the run."""
    steps = evidence.summary.steps
    if evidence.recipe.train.ema is not None or steps < 100:
        return
    decay = (
        rounded(1 - max(10 / steps, 1e-3)) if steps < 1000 else 0.99 if steps < 10_000 else 0.999
    )
    yield prescription(
        evidence,
        "ema",
        {"train.ema": decay},
        f"Keep a moving average of the weights (decay {decay:g}).",
        cost=1.1,
        share=share,
    )


def of_a_head(evidence: RunEvidence) -> float | None:
    """What to expect where a head on frozen features is judged by its answers; else None.

    Of probabilities, which restraints do change, and of values nothing was measured.
    """
    by_answers = evidence.summary.run and not named(evidence.metric).needs_probabilities
    return OF_A_HEAD if by_answers and is_frozen(evidence.recipe) else None
