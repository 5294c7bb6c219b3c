"""Steps that are too long: the loss jumps at the start, or never comes to rest."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from phoropter.core.recipe import ModelRecipe
from phoropter.core.records import Finding, Severity
from phoropter.diagnosis import curves
from phoropter.diagnosis.evidence import RunEvidence
from phoropter.diagnosis.narrow import last_units
from phoropter.diagnosis.norms import usual_rates
from phoropter.diagnosis.signals import Curve, chance_loss, curve, not_finite_at

RISE = 1.3  # mean loss of a pass over the loss before it; honest first passes lie below 1
RISE_IF_REWEIGHTED = 2.0  # smoothing, mixing, class weights and dropout raise the optimised loss
JITTER = 0.05  # noise of the training loss, in units of the loss of a constant prediction
USUAL_JITTER = 0.08  # likewise, at a rate that is not beyond the optimiser's usual range
TURNS = 0.4  # share of turning points of an unsettled curve (white noise: 2/3)
STUCK = 0.5  # of the loss of a constant prediction: still there means it did not recover
SETTLED = 0.1  # likewise: below it the run got over its start
LOST = 0.1  # likewise: what the training loss may lose of the best it had reached
LUCK = 2.5  # noises by which the lowest of some dozen points is low by luck
IDLE = 0.95  # likewise: nothing learnt at all
ABSURD = 10.0  # times the highest usual rate: a slip of the pen, harmful or not


@dataclass(frozen=True, slots=True)
class _Signs:
    rise: float
    rise_epoch: int
    limit: float
    jitter: float
    turns: float
    end: float
    final: float
    lost: float
    best_epoch: int
    beyond: bool
    idle: bool
    useless: bool

    @property
    def jumped(self) -> bool:
        return self.rise >= self.limit

    @property
    def restless(self) -> bool:
        """Unsettled; at a usual rate small batches make a little of that, and decay calms it."""
        if not self.beyond and (self.jitter < USUAL_JITTER or self.end < JITTER):
            return False
        return self.jitter >= JITTER and self.turns >= TURNS and self.final >= SETTLED

    @property
    def unlearnt(self) -> bool:
        """What had been learnt was lost again, or nothing ever was at a rate beyond the usual."""
        return self.lost >= LOST or (self.beyond and self.final >= IDLE and not self.idle)

    @property
    def calmed(self) -> bool:
        """Unsettled until the rate decayed."""
        unsettled = self.jitter >= 2 * JITTER and self.turns >= TURNS
        return unsettled and (self.final < SETTLED or self.end < JITTER)


def rule(evidence: RunEvidence) -> Iterator[Finding]:
    """Speaks if a pass's mean loss rises above the start, or the training loss relapses or jumps.

    All is measured against the loss of a constant prediction. A run that got over a bad start
    earns an "info", unless its rate is absurd.
    """
    told = next(_by_curves(evidence), None)
    if told is None or told.severity == "info":
        told = _absurd(evidence) or told
    if told is not None:
        yield told


def _by_curves(evidence: RunEvidence) -> Iterator[Finding]:
    level = chance_loss(evidence)
    if level is None or level <= 0 or not evidence.history:
        return
    lr = {} if "train.lr" in evidence.unknown else {"lr": evidence.recipe.train.lr}
    epoch = not_finite_at(evidence)
    if epoch is not None or evidence.summary.stopped_by == "diverged":
        yield _finding(
            "warning",
            0.7,
            "Steps that are too long are the usual reason for a loss that is no longer a number.",
            {**lr, "mark_epoch": epoch or evidence.history[-1].epoch},
        )
        return
    signs = _signs(evidence, level)
    if signs is None:
        return
    numbers = {
        **lr,
        **({"usual_high": usual_rates(evidence.recipe).high} if lr else {}),
        "rise": signs.rise,
        "jitter": signs.jitter,
        "turning_points": signs.turns,
        "final_train_loss": signs.final * level,
        "chance_loss": level,
        "mark_epoch": signs.rise_epoch,
    }
    if signs.jumped:
        yield _jump(signs, numbers)
    elif signs.unlearnt:
        yield _unlearnt(signs, {**numbers, "lost": signs.lost * level})
    elif signs.restless:
        message = (
            f"The learning rate is too high: the training loss never settles, from one epoch to "
            f"the next it jumps by {signs.jitter * level:.2g}."
        )
        yield _finding("warning", 0.75, message, {**numbers, "at_usual_rate": not signs.beyond})
    elif signs.calmed:
        message = (
            f"At its peak the learning rate was high: the training loss jumped by "
            f"{signs.jitter * level:.2g} from epoch to epoch, until the decay calmed it."
        )
        yield _finding("info", 0.4, message, numbers)


def _absurd(evidence: RunEvidence) -> Finding | None:
    """A rate that nobody would choose; normalisation and decay may have put up with it this time.

    The weights before a normalisation grow until their steps are small again (van Laarhoven 2017),
    so the curves may look sound.
    """
    lr, high = evidence.recipe.train.lr, usual_rates(evidence.recipe).high
    if not evidence.history or lr < ABSURD * high * (1 - 1e-9):
        return None
    if "train.optimizer" in evidence.unknown:
        message = (
            f"A learning rate of {lr:g} is {lr / high:.0f} times the highest that any common "
            f"optimiser usually stands ({high:g}); this run put up with it, others will not."
        )
    else:
        message = (
            f"A learning rate of {lr:g} is {lr / high:.0f} times the highest that "
            f"{evidence.recipe.train.optimizer} usually stands ({high:g}); this run put up with "
            "it, others will not."
        )
    return _finding("warning", 0.6, message, {"lr": lr, "usual_high": high})


def _jump(signs: _Signs, numbers: dict[str, float]) -> Finding:
    what = f"the loss rose to {signs.rise:.1f} times its start in epoch {signs.rise_epoch}"
    if signs.useless:
        message = (
            f"The learning rate is too high: {what}, and on validation the network never again "
            "did better than a constant prediction."
        )
        return _finding("critical", 0.9, message, numbers)
    if signs.final >= STUCK:
        message = f"The learning rate is too high: {what} and never recovered."
        return _finding("critical", 0.95, message, numbers)
    if signs.final >= SETTLED or signs.restless:
        return _finding("warning", 0.85, f"The learning rate is too high: {what}.", numbers)
    message = f"The start was rough ({what}), but training got over it; a warm-up would avoid it."
    return _finding("info", 0.6, message, numbers)


def _unlearnt(signs: _Signs, numbers: dict[str, float]) -> Finding:
    if signs.lost < LOST:
        what = "nothing was learnt, and the rate lies beyond the optimiser's usual range"
    else:
        what = f"after epoch {signs.best_epoch} the network lost again what it had learnt"
        numbers = {**numbers, "mark_epoch": signs.best_epoch}
    severity: Severity = "critical" if signs.final >= STUCK else "warning"
    return _finding(severity, 0.85, f"The learning rate is too high: {what}.", numbers)


def _finding(
    severity: Severity, confidence: float, message: str, numbers: dict[str, float]
) -> Finding:
    return Finding("lr-too-high", severity, confidence, message, numbers)


def _signs(evidence: RunEvidence, level: float) -> _Signs | None:
    passes = curve(evidence, "running_loss")
    losses = curve(evidence, "train_loss")
    if not len(losses):
        return None
    start = max(float(losses.values[0]) if losses.epochs[0] == 0 else level, level)
    peak = int(passes.values.argmax()) if len(passes) else 0
    best = int(losses.values.argmin())
    final = _end(losses.values)
    # Class weights trade the plain loss, which is what is recorded, for balance.
    weighted = evidence.recipe.train.class_weights != "none"
    # What is judged for rest is the time at high rates: decay hides it, the start is not rest.
    middle = losses.values[len(losses) // 8 : max(len(losses) * 3 // 4, 4)]
    jitter = curves.noise(middle) / level if len(middle) >= 5 else 0.0
    return _Signs(
        rise=float(passes.values[peak]) / start if len(passes) else 0.0,
        rise_epoch=int(passes.epochs[peak]) if len(passes) else int(losses.epochs[0]),
        limit=_rise_limit(evidence),
        jitter=jitter,
        turns=curves.sign_changes(middle),
        end=curves.end_noise(losses.values) / level,
        final=final / level,
        lost=0.0 if weighted else max(0.0, _lost(losses.values) / level - LUCK * jitter),
        best_epoch=int(losses.epochs[best]),
        beyond=len(losses) > 3 and evidence.recipe.train.lr > usual_rates(evidence.recipe).high,
        idle=_idle_by_design(evidence.recipe.model),
        useless=_never_useful(curve(evidence, "val_loss"), level),
    )


def _idle_by_design(model: ModelRecipe) -> bool:
    """Whether sigmoids on sigmoids pass no gradient, so that nothing is learnt at any rate."""
    return model.activation == "sigmoid" and model.norm == "none" and last_units(model) is not None


def _end(values: NDArray[np.float64]) -> float:
    """The median of the last three points; of fewer in short runs, whose start is not their end."""
    return float(np.median(values[-min(3, max(1, (len(values) - 1) // 2)) :]))


def _lost(values: NDArray[np.float64]) -> float:
    """What was lost of the best, by the end of what came after it; nothing where it came last."""
    best = int(values.argmin())
    return max(0.0, float(np.median(values[best:][-3:]) - values[best]))


def _never_useful(held_out: Curve, level: float) -> bool:
    """Whether no pass brought the validation loss below that of a constant prediction."""
    after = held_out.values[held_out.epochs > 0]
    return bool(len(after) and after.min() >= level)


def _rise_limit(evidence: RunEvidence) -> float:
    train, augment = evidence.recipe.train, evidence.recipe.data.augment
    reweighted = (
        train.label_smoothing > 0
        or train.loss not in {"auto", "cross_entropy", "mse"}
        or train.class_weights != "none"
        or augment.mixup > 0
        or augment.cutmix > 0
        or evidence.recipe.model.dropout >= 0.4
    )
    return RISE_IF_REWEIGHTED if reweighted else RISE
