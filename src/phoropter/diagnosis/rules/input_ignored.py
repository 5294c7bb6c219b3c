"""A network that does as well without its input has learnt nothing of use from it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from phoropter.core.predictions import ClassPredictions
from phoropter.core.records import Finding
from phoropter.core.run_records import Gate
from phoropter.diagnosis.evidence import RunEvidence
from phoropter.diagnosis.gates import critical, failed
from phoropter.diagnosis.scores import score
from phoropter.diagnosis.signals import chance_loss, curve

LEAST_PASSES = 3
SURE = 2.0  # standard errors of the rise of the loss by exchanged inputs
NO_USE = 0.95  # of the loss of a constant prediction: one pass of several falls to this by luck
FILLS = 0.9  # of the training samples
BY_HEART = 0.1  # fall of the training loss that is learning, in losses of a constant prediction
FITTED = 4.0  # standard errors of the training score above a constant prediction's, likewise
ERRORS = 3.0  # standard errors by which some pass may exceed a constant prediction by luck


def rule(evidence: RunEvidence) -> Iterator[Finding]:
    """Speaks if the gate "input-ignored" did not pass, or training never gave it anything to ask.

    The gate asks the kept weights, and says nothing where these are the untrained ones.
    """
    if _several_classes(evidence) and not _one_class_fills(evidence):
        yield from _by_exchange(evidence)
    if not any(gate.name == "input-ignored" for gate in evidence.gates):
        yield from _by_heart(evidence)


def _by_exchange(evidence: RunEvidence) -> Iterator[Finding]:
    for gate in _lucky(evidence):
        error = gate.evidence["standard_error"]
        yield critical(
            gate,
            f"Exchanged inputs raise the loss by {gate.measured:.2g}, which may be luck (standard "
            f"error {error:.2g}), and the answers are hardly better than a constant one: the "
            "labels have nothing to do with what the images show, or it was not learnt.",
        )
    for gate in failed(evidence, "input-ignored"):
        yield critical(
            gate,
            "Real inputs do no better than blank ones "
            f"({gate.measured:.3g} measured, {gate.expected:.3g} expected): the input does not "
            "reach the output, or the labels have nothing to do with it.",
        )


def _lucky(evidence: RunEvidence) -> Iterator[Gate]:
    """A gate that a rise of the loss passed which may be luck, of a network of no use."""
    level = chance_loss(evidence)
    for gate in evidence.gates:
        if gate.name == "input-ignored" and gate.passed and level is not None:
            error, loss = gate.evidence.get("standard_error"), gate.evidence.get("loss")
            if error and loss and gate.measured < SURE * error and loss > NO_USE * level:
                yield gate


def _several_classes(evidence: RunEvidence) -> bool:
    """Whether exchanged inputs are of other targets at all; within one class nothing is learnt."""
    predictions = evidence.predictions
    if not isinstance(predictions, ClassPredictions):
        return True
    return len(np.unique(predictions.truth[predictions.truth >= 0])) > 1


def _one_class_fills(evidence: RunEvidence) -> bool:
    """Whether nearly all training samples are of one class: its name is then a good answer to all.

    What is to be said of that is "majority-collapse".
    """
    counts = evidence.summary.schema.counts
    return bool(counts) and max(counts) >= FILLS * sum(counts)


def _by_heart(evidence: RunEvidence) -> Iterator[Finding]:
    """Training samples were learnt, and no pass did better on others than before the first step."""
    level, held = chance_loss(evidence), score(evidence, evidence.predictions)
    fitted, losses = curve(evidence, "train_loss"), curve(evidence, "val_loss")
    if level is None or held is None or len(losses) <= LEAST_PASSES:
        return
    if evidence.recipe.train.class_weights != "none":  # they trade the plain loss for balance
        return
    fell = float(fitted.values[0] - fitted.values[-1]) if len(fitted) else 0.0
    metrics = curve(evidence, "val_metric").values
    best = float(metrics.max()) if len(metrics) and evidence.greater_is_better else 0.0
    if int(losses.values.argmin()) > 0 or not (fell >= BY_HEART * level or _fitted(evidence, fell)):
        return
    if best > held.chance + ERRORS * held.error:
        return
    yield Finding(
        "input-ignored",
        "critical",
        0.8,
        f"The training loss fell from {fitted.values[0]:.3g} to {fitted.values[-1]:.3g}, and on "
        "validation no pass did better than the untrained network: the labels have nothing to do "
        "with what the images show.",
        {
            "first_train_loss": float(fitted.values[0]),
            "final_train_loss": float(fitted.values[-1]),
            "lowest_val_loss": float(losses.values.min()),
            "best_val_metric": best,
            "chance": held.chance,
            "mark_epoch": int(fitted.epochs[-1]),
        },
    )


def _fitted(evidence: RunEvidence, fell: float) -> bool:
    """Whether the last passes' training score shows that samples were learnt, though slowly."""
    found, metrics = score(evidence, evidence.train_predictions), curve(evidence, "train_metric")
    if found is None or not len(metrics) or not evidence.greater_is_better:
        return False
    reached = float(np.median(metrics.values[-LEAST_PASSES:]))
    return fell > 0 and reached - found.chance > FITTED * found.error
