"""A model that knows its training samples better than the world."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from phoropter.core.predictions import ClassPredictions
from phoropter.core.records import Finding, Severity
from phoropter.diagnosis import curves
from phoropter.diagnosis.evidence import RunEvidence
from phoropter.diagnosis.scores import BALANCED_METRICS, Gap, Score, gap, score, share_error
from phoropter.diagnosis.signals import chance_loss, curve
from phoropter.metrics.scores import log_losses

WIDE = 0.08  # gap of the scores that deserves a warning
NOTABLE = 0.05  # gap that deserves a word
ERRORS = 3.0  # standard errors it must exceed: p < .002 one-sided
BEYOND = 2.5  # standard errors by which a wide one exceeds what deserves a word: p < .01
RISE = 0.25  # of the lowest validation loss, at the end
RISE_OF_CHANCE = 0.15  # likewise, in units of the loss of a constant prediction
RISE_BY_HEART = 0.05  # likewise, where validation never got below that loss
BY_HEART = 0.1  # fall of the training loss meanwhile, in the same units
USELESS = 0.97  # of that loss: validation as good as never got below it
RISE_NOISES = 4.0  # noises of the curve that a rise must exceed
NOISE_POINTS = 20  # at the end of the curve, at least: the noise of fewer is a matter of luck
ROOM = 0.02  # validation error below which nothing is to be won
HANDFUL = 100  # training samples
SAME_LOSS = 0.02  # relative difference up to which a loss counts as the mean cross-entropy


@dataclass(frozen=True, slots=True)
class _Rise:
    """How the validation loss left its minimum while the training loss fell on."""

    lowest: float
    end: float
    best_epoch: int
    clear: bool
    by_heart: bool

    @property
    def share(self) -> float:
        """Of the lowest loss, where that is above zero."""
        return (self.end - self.lowest) / self.lowest


def rule(evidence: RunEvidence) -> Iterator[Finding]:
    """Speaks on a wide gap between training and validation score, or a rising validation loss.

    The kept weights are those of the best epoch, so a rise without a wide gap is only an "info";
    of a handful of training samples, which leave no gap of these weights certain, the gap at the
    end counts as well. Where answers on training samples were not recorded, the gap is the one that
    their loss proves.
    """
    if not evidence.history:
        return
    measured = gap(evidence)
    rise, found = _rise(evidence), measured or _proved(evidence)
    certain = found is not None and found.value > ERRORS * found.error
    rising = rise is not None and rise.clear
    wide = certain and found is not None and _wide(found)
    notable = certain and found is not None and found.value >= NOTABLE
    if found is not None and 1 - found.val.value < ROOM:
        return
    if not (wide or notable or rising):
        return
    ended = _ended(evidence) if rising and not certain else None
    severity = _severity(rise, wide=wide, notable=notable or found is None or ended is not None)
    confidence = 0.95 if wide and rising else 0.8 if severity == "warning" else 0.5
    message = _message(ended or found, rise, proved=measured is None or ended is not None)
    yield Finding("overfit", severity, confidence, message, _numbers(ended or found, rise))


def _wide(found: Gap) -> bool:
    """Whether the gap is wide, and not a notable one that these validation samples show as wide."""
    return found.value >= WIDE and found.value >= NOTABLE + BEYOND * found.error


def _severity(rise: _Rise | None, *, wide: bool, notable: bool) -> Severity:
    rising = rise is not None and rise.clear and (notable or rise.by_heart)
    return "warning" if wide or rising else "info"


def _rise(evidence: RunEvidence) -> _Rise | None:
    losses, fitted = curve(evidence, "val_loss"), curve(evidence, "train_loss")
    if len(losses) < 4 or len(fitted) < 4:
        return None
    # Loops of others may know the training loss of fewer passes, or of the start besides.
    known = np.interp(losses.epochs, fitted.epochs, fitted.values)
    best = int(losses.values.argmin())
    lowest = float(curves.smooth(losses.values).min())  # the lowest of many points is low by luck
    end = float(np.median(losses.values[-3:]))
    level = _unit(evidence, lowest)
    learnt = float(known[best] - np.median(known[-3:]))
    by_heart = lowest >= USELESS * level and learnt >= BY_HEART * level
    least = (RISE_BY_HEART if by_heart else RISE_OF_CHANCE) * level
    if lowest > 0:
        least = min(RISE * lowest, least)
    noise = curves.noise(losses.values[max(0, min(best, len(losses) - NOISE_POINTS)) :])
    later = fitted.epochs[-1] > losses.epochs[best]  # else nobody knows whether it fell on
    rose = end - lowest >= max(least, RISE_NOISES * noise) and best < len(losses) - 3
    clear = bool(rose and later and learnt >= 0)
    return _Rise(lowest, end, int(losses.epochs[best]), clear, by_heart)


def _unit(evidence: RunEvidence, lowest: float) -> float:
    """What a rise is measured by besides the lowest loss: the loss of a constant prediction.

    Below zero (densities of values) there is no share of a loss, and the first one recorded says
    little: the unit is then as large as the lowest loss at least.
    """
    level = chance_loss(evidence)
    if lowest > 0:
        return level or lowest
    return max(level or 0.0, -lowest)


def _proved(evidence: RunEvidence) -> Gap | None:
    """The least gap that the training loss allows; None where it is no mean cross-entropy.

    The loss of the last passes, taken while training, is mostly above that of the weights at the
    end.
    """
    told, fitted = curve(evidence, "val_loss"), curve(evidence, "train_loss")
    answers, val = evidence.predictions, score(evidence, evidence.predictions)
    if not isinstance(answers, ClassPredictions) or evidence.metric in BALANCED_METRICS:
        return None
    if val is None or not len(told) or not len(fitted):
        return None
    known = answers.take(np.flatnonzero(answers.truth >= 0))
    own = float(log_losses(known).mean())
    if abs(float(told.values[-1]) - own) > SAME_LOSS * own:
        return None
    return Gap(Score(_right_by(fitted.values), 0.0, val.chance, val.n), val)


def _ended(evidence: RunEvidence) -> Gap | None:
    """Of a handful of samples the wide gap of the last passes that their loss proves, or None."""
    answers, val = evidence.predictions, score(evidence, evidence.predictions)
    fitted, reached = curve(evidence, "train_loss"), curve(evidence, "val_metric")
    if not isinstance(answers, ClassPredictions) or evidence.metric != "accuracy":
        return None
    few = 0 < sum(evidence.summary.schema.counts) <= HANDFUL
    if val is None or not few or not len(fitted) or not len(reached):
        return None
    held = float(np.median(reached.values[-3:]))
    found = Gap(
        Score(_right_by(fitted.values), 0.0, val.chance, val.n),
        Score(held, share_error(held, val.n), val.chance, val.n),
    )
    return found if _wide(found) else None


def _right_by(losses: NDArray[np.float64]) -> float:
    """The least share of right answers that the mean losses of the last passes allow.

    Who does not call the truth gives it half of the probability at most, so each mistake costs ln 2
    or more, and the share of mistakes is at most the mean loss over ln 2 (Markov's inequality).
    """
    return max(0.0, 1 - float(np.median(losses[-3:])) / math.log(2))


def _message(found: Gap | None, rise: _Rise | None, *, proved: bool) -> str:
    parts = []
    if found is not None and proved and found.value > 0:  # else the loss proves nothing
        parts.append(
            f"by its loss it scores at least {found.train.value:.1%} on training samples, and "
            f"{found.val.value:.1%} on validation"
        )
    elif found is not None and not proved:
        parts.append(
            f"it scores {found.train.value:.1%} on training samples and {found.val.value:.1%} on "
            "validation"
        )
    if rise is not None and rise.clear:
        parts.append(
            f"after epoch {rise.best_epoch} the validation loss rose by {rise.share:.0%} while "
            "the training loss fell"
            if rise.lowest > 0
            else f"after epoch {rise.best_epoch} the validation loss rose from {rise.lowest:.3g} "
            f"to {rise.end:.3g} while the training loss fell"
        )
        if rise.by_heart:
            parts.append("what it learns by heart says nothing about other samples")
    return f"The model overfits: {'; '.join(parts)}."


def _numbers(found: Gap | None, rise: _Rise | None) -> Mapping[str, float]:
    numbers: dict[str, float] = {}
    if found is not None:
        numbers |= {
            "train_score": found.train.value,
            "val_score": found.val.value,
            "gap": found.value,
            "gap_error": found.error,
        }
    if rise is not None:
        how = {"val_loss_rise": rise.share} if rise.lowest > 0 else {}
        numbers |= {**how, "mark_epoch": rise.best_epoch}
    return numbers
