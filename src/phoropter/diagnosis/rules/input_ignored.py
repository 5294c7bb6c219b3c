"""A network that does as well without its input has learnt nothing of use from it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from phoropter.core.predictions import ClassPredictions
from phoropter.core.records import Finding
from phoropter.core.run_records import Gate
from phoropter.diagnosis.evidence import RunEvidence
from phoropter.diagnosis.gates import critical, failed
from phoropter.diagnosis.passes import loss_left
from phoropter.diagnosis.scores import score
from phoropter.diagnosis.signals import chance_loss, curve

LEAST_PASSES = 3
SURE = 2.0  # standard errors of the rise of the loss by exchanged inputs
NO_USE = 0.95  # of the loss of a constant prediction: one pass of several falls to this by luck
FILLS = 0.9  # of the training samples
BY_HEART = 0.1  # fall of the training loss that is learning, in losses of a constant prediction
FITTED = 4.0  # standard errors of the training score above a constant prediction's, likewise
ERRORS = 3.0  # standard errors by which some pass may exceed a constant prediction by luck
GUESSING = 0.985  # of that prediction's loss: the lowest of many passes falls to this by luck
NEAR = 1.1  # likewise: who has learnt nothing of use is not sure of it yet
FEWEST_OF_CLASS = 20  # training samples: of fewer a network from scratch learns no more than them
LEARNT = 0.5  # of the loss of a constant prediction, left at the end
LUCKY = 0.05  # by which a told accuracy may exceed that of equal odds; of how many, nobody says


def rule(evidence: RunEvidence) -> Iterator[Finding]:
    """Speaks if the gate "input-ignored" did not pass, or training never gave it anything to ask.

    The gate asks the kept weights, and says nothing where these are the untrained ones. A handful
    of samples that were learnt by heart proves nothing.
    """
    if _few_learnt_by_heart(evidence):
        return
    if _several_classes(evidence) and not _one_class_fills(evidence):
        yield from _by_exchange(evidence)
    if not any(gate.name == "input-ignored" for gate in evidence.gates):
        yield from list(_by_heart(evidence)) or _guessing(evidence)


def _few_learnt_by_heart(evidence: RunEvidence) -> bool:
    """Whether some class has so few training samples that they were learnt and are of no use.

    That nothing carries over to others is then to be expected, whatever the labels are.
    """
    counts = [count for count in evidence.summary.schema.counts if count > 0]
    left = loss_left(evidence)
    few = len(counts) > 1 and min(counts) < FEWEST_OF_CLASS
    return few and left is not None and left <= LEARNT


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
    """Training samples were learnt, and no pass did better on others than before the first step.

    Loops of others may not have validated then: that their first pass was the best proves nothing.
    """
    level, held = chance_loss(evidence), score(evidence, evidence.predictions)
    fitted, losses = curve(evidence, "train_loss"), curve(evidence, "val_loss")
    if level is None or held is None or len(losses) <= LEAST_PASSES or losses.epochs[0] > 0:
        return
    if evidence.recipe.train.class_weights != "none":  # they trade the plain loss for balance
        return
    fell = float(fitted.values[0] - fitted.values[-1]) if len(fitted) else 0.0
    metrics = curve(evidence, "val_metric").values
    best = float(metrics.max()) if len(metrics) and evidence.greater_is_better else 0.0
    if int(losses.values.argmin()) > 0 or not (fell >= BY_HEART * level or _fitted(evidence, fell)):
        return
    if max(best, held.value) > held.chance + ERRORS * held.error:
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


def _guessing(evidence: RunEvidence) -> Iterator[Finding]:
    """A watched loop learnt its samples by heart, and never did better than guessing on others.

    Others are those of validation, and in the first pass those of training too: the loss of a batch
    is taken before the step that learns from it (Dawid 1984, "prequential"). What merely overfits
    is at some time better than guessing on one of the two, if it is asked before it knows its
    samples by heart; what knows them after a pass or two is not judged.
    """
    summary, level = evidence.summary, chance_loss(evidence)
    losses, passes = curve(evidence, "val_loss"), curve(evidence, "running_loss")
    if summary.run or level is None or len(summary.schema.names) < 2:
        return
    if not all(gate.passed for gate in evidence.gates) or _scores(evidence):
        return
    idle = int(np.argmax([*(passes.values < (1 - BY_HEART) * level), True]))  # passes before it
    if len(losses) <= LEAST_PASSES or not LEAST_PASSES <= idle < len(passes):
        return
    held, unseen = float(losses.values.min()), float(passes.values[0])
    if min(unseen, held) < GUESSING * level or held > NEAR * level:
        return
    learnt = float(np.median(passes.values[-3:]))
    if learnt > (1 - BY_HEART) * level:
        return
    yield Finding(
        "input-ignored",
        "critical",
        0.8,
        f"The training loss fell to {learnt:.3g} after {idle} passes at that of guessing "
        f"({level:.3g}), and validation was never below it ({held:.3g} at best): the labels, at "
        "least those of validation, have hardly anything to do with what the samples show.",
        {
            "first_pass_loss": unseen,
            "passes_at_guessing": idle,
            "lowest_val_loss": held,
            "final_train_loss": learnt,
            "chance_loss": level,
            "mark_epoch": int(passes.epochs[idle]),
        },
    )


def _scores(evidence: RunEvidence) -> bool:
    """Whether some pass was better than guessing by its score, or by one that cannot be judged."""
    metrics = curve(evidence, "val_metric").values
    if not len(metrics):
        return False
    if evidence.metric != "accuracy":
        return True
    held = score(evidence, evidence.predictions)
    if held is not None:
        return float(metrics.max()) > held.chance + ERRORS * held.error
    return float(metrics.max()) > 1 / len(evidence.summary.schema.names) + LUCKY
