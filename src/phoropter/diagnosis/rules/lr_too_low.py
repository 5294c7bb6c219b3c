"""Steps that are too short: the loss falls steadily, in a straight line, and hardly at all."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from phoropter.core.records import Finding
from phoropter.diagnosis import curves
from phoropter.diagnosis.evidence import RunEvidence
from phoropter.diagnosis.falling import Falling, falling
from phoropter.diagnosis.narrow import too_narrow
from phoropter.diagnosis.norms import Range, usual_rates, usual_rates_of
from phoropter.diagnosis.signals import Curve, chance_loss, curve

LITTLE = 0.25  # of the loss of a constant prediction: what a slow run has gained at most
STRAIGHT = 0.4  # fall of the second half over the first; a run that learns bends below it
ENOUGH_STEPS = 200  # by then a usual rate has left the straight part; with fewer, blame the length
FAR_BELOW = 3  # times below the usual range
SLIP = 30  # likewise: a slip of the pen, whatever the curve, where half of the loss is left
GUESSING = 0.985  # of that loss: a usual rate that brings validation no further learns noise
UNMOVED = 0.03  # of the loss of a constant prediction, between the highest and the lowest point
WORTH = 0.1  # of the loss of a constant prediction: what twice the time should still bring


def rule(evidence: RunEvidence) -> Iterator[Finding]:
    """Speaks if the training loss certainly falls, unbent, and has lost under a quarter of itself.

    A curve that is still falling, or hardly moves at all, also counts if the rate lies far below
    its optimiser's range; thirty times below it, anything that leaves half of the loss. A rate
    beyond what is a safe start for it is not too low, and of one that nobody recorded nothing can
    be said.
    """
    level = chance_loss(evidence)
    losses, held_out = curve(evidence, "train_loss"), curve(evidence, "val_loss")
    if level is None or len(losses) < 3 or len(held_out) < 3 or "train.lr" in evidence.unknown:
        return
    lr, usual = evidence.recipe.train.lr, _usual(evidence, losses, level)
    if lr < usual.low / FAR_BELOW and np.ptp(losses.values) < UNMOVED * level:
        yield _unmoved(evidence, losses, usual.low)
        return
    state = falling(losses)
    below = lr < usual.low
    if state is None or not state.certain or not _follows(held_out, level, below=below):
        return
    if not below and (too_narrow(evidence) or lr > usual.usual):
        return
    long_enough = evidence.summary.steps >= ENOUGH_STEPS and len(losses) >= 5
    if not _slow(losses, state, level, times_below=usual.low / lr, long_enough=long_enough):
        return
    yield Finding(
        "lr-too-low",
        "warning",
        0.9 if below else 0.6,
        f"The learning rate of {lr:.2g} is too low: the training loss falls steadily, but only "
        f"from {losses.values[0]:.5g} to {losses.values[-1]:.5g} in {_time(evidence)}.",
        {
            "lr": lr,
            "usual_low": usual.low,
            "first_train_loss": float(losses.values[0]),
            "final_train_loss": float(losses.values[-1]),
            "bend": state.bend,
            "steps": evidence.summary.steps,
            "mark_epoch": int(losses.epochs[-1]),
        },
    )


def _usual(evidence: RunEvidence, losses: Curve, level: float) -> Range:
    """The usual rates, without those of fine-tuning where what is learnt is known to be little.

    Weights that were trained before do not go on guessing.
    """
    known = bool(evidence.summary.schema.names)
    guessing = known and losses.values[-1] > (1 - LITTLE) * level
    return usual_rates(evidence.recipe) if guessing else usual_rates_of(evidence)


def _slow(
    losses: Curve, state: Falling, level: float, *, times_below: float, long_enough: bool
) -> bool:
    """Whether a falling loss fell so little, or could still fall so much, that the rate is why."""
    drop, end = float(losses.values[0] - losses.values[-1]) / level, losses.values[-1] / level
    straight = state.bend >= STRAIGHT or not math.isfinite(state.bend)
    little = drop < LITTLE and end > 1 - 2 * LITTLE
    if little and straight and (times_below > 1 or long_enough):
        return True
    if times_below > FAR_BELOW and straight and state.gain >= WORTH * level:
        return True
    return bool(times_below > SLIP and end > 1 - 2 * LITTLE)


def _unmoved(evidence: RunEvidence, losses: Curve, low: float) -> Finding:
    lr = evidence.recipe.train.lr
    return Finding(
        "lr-too-low",
        "warning",
        0.9,
        f"The learning rate of {lr:.2g} is too low: the training loss hardly moves from "
        f"{losses.values[0]:.5g} in {_time(evidence)}.",
        {
            "lr": lr,
            "usual_low": low,
            "first_train_loss": float(losses.values[0]),
            "final_train_loss": float(losses.values[-1]),
            "steps": evidence.summary.steps,
            "mark_epoch": int(losses.epochs[-1]),
        },
    )


def _time(evidence: RunEvidence) -> str:
    """How long was trained, as far as it was counted."""
    if evidence.summary.steps:
        return f"{evidence.summary.steps} steps"
    return f"{evidence.summary.epochs} passes"


def _follows(held_out: Curve, level: float, *, below: bool) -> bool:
    """Whether other samples are learnt too: a usual rate is to blame only where they surely are."""
    slope = curves.slope(held_out.time, held_out.values)
    if below:
        return slope.value <= 0
    return slope.high < 0 and bool(held_out.values[-1] < GUESSING * level)
