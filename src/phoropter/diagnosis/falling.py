"""Whether a curve was still falling when training ended, and what more time would have brought."""

from __future__ import annotations

from dataclasses import dataclass

from phoropter.diagnosis import curves
from phoropter.diagnosis.evidence import RunEvidence
from phoropter.diagnosis.signals import Curve, curve

NOISES = 2.0  # a fall of less could be the luck of three or four points


@dataclass(frozen=True, slots=True)
class Falling:
    """The last half of a loss curve.

    Args:
        certain: Whether the whole interval of its slope lies below zero, and the fall exceeds
            twice the noise.
        gain: By how much the loss would fall if training took twice as long.
        last: The loss at the end.
    """

    certain: bool
    gain: float
    last: float


def falling(losses: Curve) -> Falling | None:
    """How a loss curve falls over the last half of the learning time; None for under two points.

    The gain supposes that the excess loss goes down as 1/time, so that twice the time brings
    slope * time / 2: less than a straight line, more than an exponential. Learning time (steps
    weighted by the rate) keeps a decaying schedule from looking like a finished run.
    """
    if len(losses) < 2:
        return None
    total = float(losses.time[-1])
    tail = losses.after(total / 2)
    fall = curves.slope(tail.time, tail.values)
    drop = float(tail.values[0] - tail.values[-1])
    return Falling(
        certain=bool(fall.high < 0 and drop >= NOISES * curves.noise(tail.values)),
        gain=max(0.0, -fall.value * total / 2),
        last=float(losses.values[-1]),
    )


def unbent(evidence: RunEvidence) -> float | None:
    """The training loss's slope in the second half of the learning time over that in the first.

    About 1 for a straight line, near 0 for a curve that has flattened. None for fewer than five
    points or a first half that does not fall.
    """
    losses = curve(evidence, "train_loss")
    if len(losses) < 5:
        return None
    half = float(losses.time[-1] + losses.time[0]) / 2
    early = losses.time <= half
    if early.sum() < 2 or (~early).sum() < 2:
        return None
    first = curves.slope(losses.time[early], losses.values[early]).value
    second = curves.slope(losses.time[~early], losses.values[~early]).value
    return second / first if first < 0 else None
