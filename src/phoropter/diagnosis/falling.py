"""Whether a curve was still falling when training ended, and what more time would have brought."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from phoropter.diagnosis import curves
from phoropter.diagnosis.signals import Curve

NOISES = 2.0  # a fall of less could be the luck of three or four points
REST = 0.1  # of what training can still bring: what a run of the advised length leaves
LONGEST = 16  # times as long; an extrapolation does not reach farther
ENOUGH_STEPS = 3000  # of a run that is to be advised by extrapolation
FIRST_STEPS = 600  # that a fair first run makes (project/baseline)
SAFE_STEPS = 1200
"""That a run of too few steps is to make. In 15 runs of heads and perceptrons of a twelfth of their
epochs, 16 times as many brought the score to .005 below that of the sound run on average, 32 times
to .004 above it, 8 times to .012 below it."""
FARTHEST = 32  # times as long, for these
FEW_STEPS = 60  # a tenth of them: curves say nothing yet


@dataclass(frozen=True, slots=True)
class Falling:
    """A loss curve, judged by the two halves of its learning time.

    Args:
        certain: Whether it falls in the second half: the whole interval of the slope lies below
            zero, and the fall exceeds twice the noise. Of fewer points than tell bends from noise
            the former means that each is below the one before it, and is all that is asked.
        gain: By how much the loss would fall if training took twice as long.
        bend: Fall in the second half over fall in the first: 1 for a straight line, near 0 for a
            curve that has flattened, NaN where the first half does not fall.
        last: The loss at the end.
    """

    certain: bool
    gain: float
    bend: float
    last: float

    def times_longer(self, steps: int) -> int:
        """How many times as long training should take, from 2 to `LONGEST`.

        Until a tenth of what the geometric row of the halves promises is left. A curve that is not
        bent yet promises no end; a run of some thousand steps is doubled. The steep start of a run
        of a few steps promises too little: such a one is to make twice those of a fair first run.

        >>> state = Falling(certain=True, gain=0.1, bend=0.5, last=1.0)
        >>> state.times_longer(600), state.times_longer(100)
        (3, 12)
        """
        most = min(LONGEST, max(2, ENOUGH_STEPS // max(steps, 1)))
        if not 0 < self.bend < 1:
            return max(most, times_from_few(steps))
        halves = np.log(REST) / np.log(self.bend)
        return max(int(np.clip(np.ceil(1 + halves / 2), 2, most)), times_from_few(steps))

    def fall(self, times: int) -> float:
        """By how much the loss would fall if training took so many times as long.

        >>> round(Falling(certain=True, gain=0.75, bend=0.5, last=1.0).fall(4), 3)
        0.984
        """
        ratio = float(np.clip(self.bend, 0.0, 1.0)) if np.isfinite(self.bend) else 0.0
        if ratio == 0:
            return 0.0
        late = self.gain / (ratio + ratio**2)
        return float(late * np.sum(ratio ** np.arange(1, 2 * times - 1)))


def times_from_few(steps: int) -> int:
    """How many times as many steps are safe ones, from 1 to `FARTHEST`; 1 where nobody counted (0).

    >>> [times_from_few(steps) for steps in (2, 100, 5000, 0)]
    [32, 12, 1, 1]
    """
    if steps <= 0:
        return 1
    return min(FARTHEST, max(1, SAFE_STEPS // steps))


def falling(losses: Curve) -> Falling | None:
    """How a loss curve falls; None for fewer than two points.

    The gain supposes that each further half brings the same share of the half before it, which is
    exact for exponentials and straight lines, and cautious for power laws. Learning time (steps
    weighted by the rate) keeps a decaying schedule from looking like a finished run. What counts is
    the least loss so far: where it jumps until the rate decays, its coming to rest is no progress.
    To four such runs twice the time brought .03 to .07 of the chance loss; their losses promised
    .12 to .66, their least losses at most .07 (three runs) and .66.
    """
    if len(losses) < 2:
        return None
    begin, end = float(losses.time[0]), float(losses.time[-1])
    middle = (begin + end) / 2
    smooth = curves.smooth(np.minimum.accumulate(losses.values))
    halfway = float(np.interp(middle, losses.time, smooth))
    early, late = float(smooth[0]) - halfway, halfway - float(smooth[-1])
    bend = late / early if early > 0 else float("nan")
    ratio = float(np.clip(bend, 0.0, 1.0)) if early > 0 else 0.0
    tail = losses.after(middle)
    drop = float(tail.values[0] - tail.values[-1])
    slope = curves.slope(tail.time, tail.values)
    noise = curves.noise(tail.values) if len(tail) >= curves.END_POINTS else 0.0
    return Falling(
        certain=bool(slope.high < 0 and drop >= NOISES * noise),
        gain=max(0.0, late) * (ratio + ratio**2),
        bend=bend,
        last=float(losses.values[-1]),
    )
