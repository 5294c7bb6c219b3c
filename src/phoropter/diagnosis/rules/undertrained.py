"""Training that ended while it was still getting better."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from phoropter.core.records import Finding
from phoropter.diagnosis import curves
from phoropter.diagnosis.evidence import RunEvidence
from phoropter.diagnosis.falling import Falling, falling, times_from_few
from phoropter.diagnosis.narrow import too_narrow
from phoropter.diagnosis.norms import usual_rates
from phoropter.diagnosis.scores import score
from phoropter.diagnosis.signals import Curve, chance_loss, curve
from phoropter.metrics.slices import losses as costs

OF_CHANCE = 0.03  # least gain worth a word, in units of the loss of a constant prediction
CLEAR = 0.06
"""Likewise, worth a warning, beyond what the curve's noise may feign. From guessing to knowing all,
this much of the loss is as much of the way: three points of accuracy of two classes. To 260 runs of
recipes at rest the curves promised .014 more on average, with a standard deviation of .021."""
NOISES = 2.0  # of the points between which the curve is said to have fallen
ERRORS = 2.0  # standard errors of the validation loss: a smaller gain is within the samples' luck
FITTED = 0.05
"""Training error of the kept weights below which more of the same only polishes the probabilities;
of a run that learns its samples by heart, the share of a constant prediction's loss at its end."""
SHORT_STEPS = 100  # a sixth of a fair first run
UNSEEN = 0.2  # share of the loss that twice the time may bring, where no curve tells
LATE = 0.75  # best point in the last quarter: too short (Tuning Playbook, "best-step position")


def rule(evidence: RunEvidence) -> Iterator[Finding]:
    """Speaks if both losses were certainly falling and twice the time would bring enough.

    A warning only where it would bring much more than the noise of the curve.

    Runs that stopped for want of progress, blew up, or know their training samples are not judged;
    nor those of a network that is too narrow, which would learn slowly for ever.
    """
    if few := _few_steps(evidence):
        yield few
        return
    level = chance_loss(evidence)
    losses, held_out = curve(evidence, "train_loss"), curve(evidence, "val_loss")
    if level is None or evidence.summary.stopped_by in {"patience", "diverged"}:
        return
    train, val = falling(losses), falling(held_out)
    if train is None or val is None or not (train.certain and val.certain):
        return
    place = curves.best_position(held_out.values, greater_is_better=False)
    if val.gain < max(OF_CHANCE * level, ERRORS * _luck(evidence) * val.last) or place < LATE:
        return
    if _knows_its_samples(evidence) or too_narrow(evidence):
        return
    # Losses below zero (densities of values) have no floor there, and there is no share of them.
    floor = 0.0 if min(losses.values.min(), held_out.values.min()) >= 0 else -math.inf
    whole = val.last if val.last > 0 and floor == 0 else max(abs(val.last), level)
    times = val.times_longer(evidence.summary.steps)
    yield Finding(
        "undertrained",
        "warning" if val.gain - _feigned(held_out, val) >= CLEAR * level else "info",
        min(0.95, 0.6 + val.gain / whole),
        f"Training ended too early, after {evidence.summary.epochs} epochs: the validation loss "
        f"was still falling ({val.last:.3g}; twice the time should bring about "
        f"{max(val.last - val.gain, floor):.3g}).",
        {
            "val_loss": val.last,
            "expected_fall": val.gain,
            "times_longer": times,
            "fall_if_so": min(val.fall(times), val.last - floor),
            "best_position": place,
            "epochs": evidence.summary.epochs,
            "mark_epoch": int(held_out.epochs[-1]),
        },
    )


def _feigned(losses: Curve, state: Falling) -> float:
    """What noise may add to the gain: two of its standard deviations to the fall it is drawn from.

    Fewer points than tell bends from noise have none to speak of.
    """
    if len(losses) < curves.END_POINTS or not np.isfinite(state.bend):
        return 0.0
    ratio = float(np.clip(state.bend, 0.0, 1.0))
    return NOISES * curves.noise(losses.values) * (ratio + ratio**2)


def _luck(evidence: RunEvidence) -> float:
    """The standard error of the validation loss, as a share of it; 0 where it is not known."""
    if evidence.predictions is None:
        return 0.0
    each = costs(evidence.predictions)
    each = each[np.isfinite(each)]
    if len(each) < 2 or each.mean() <= 0:
        return 0.0
    return float(each.std(ddof=1) / each.mean() / np.sqrt(len(each)))


def _knows_its_samples(evidence: RunEvidence) -> bool:
    """Whether the kept weights do by their score, or the last ones by their loss."""
    fitted, level = score(evidence, evidence.train_predictions), chance_loss(evidence)
    losses = curve(evidence, "train_loss")
    # A mean loss below zero is that of a density, which may become as low as it likes.
    by_heart = level is not None and len(losses) > 0 and 0 <= losses.values[-1] < FITTED * level
    return by_heart or (fitted is not None and 1 - fitted.value < FITTED)


def _few_steps(evidence: RunEvidence) -> Finding | None:
    """A run of so few steps that its curves say nothing yet, of a network that was to learn all.

    What it has learnt by then may be a lot; but it does not know its training samples.
    """
    steps, recipe = evidence.summary.steps, evidence.recipe
    losses = curve(evidence, "val_loss")
    if not 0 < steps < SHORT_STEPS or recipe.model.pretrained or not len(losses):
        return None
    if score(evidence, evidence.train_predictions) is None:
        return None
    if _knows_its_samples(evidence) or too_narrow(evidence):
        return None
    if not usual_rates(recipe).holds(recipe.train.lr):
        return None
    loss = float(losses.values[-1])
    times = times_from_few(steps)
    return Finding(
        "undertrained",
        "warning",
        0.8,
        f"Training ended after {steps} steps, and a network from scratch has only begun by then; "
        "a fair first run makes some hundred.",
        {
            "steps": steps,
            "epochs": evidence.summary.epochs,
            "val_loss": loss,
            "expected_fall": UNSEEN * abs(loss),
            "times_longer": times,
            "fall_if_so": 4 * UNSEEN * abs(loss),
            "mark_epoch": int(losses.epochs[-1]),
        },
    )
