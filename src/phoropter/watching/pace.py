"""How long a loop waited for its data, and whether they came in the same order in every pass."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from scipy.stats import spearmanr

from phoropter.core.run_records import Gate

LEAST_STEPS = 12  # of a pass; the ranks of fewer say little
LEAST_ALIKE = 0.3  # rank correlation of the losses of two passes
DEVIATIONS = 4.0  # that it must lie above zero, if the order were new in every pass
WORSE = 1.03  # mean loss of a pass over that of a constant prediction, where samples are sorted
LEAST_MOVED = 0.02  # the same of some batch's change to the next pass (sorted digits: 0.1 to 0.54)
MUCH_WORSE = 2.0  # likewise: beyond it something else is wrong (sorted digits: 1.04 to 1.4)


class Pace:
    """Splits the time of training into waiting for a batch and working on it.

    What passes between the end of a step, or of a validation, and the next forward pass of training
    is waiting: for decoding, varying, copying. On a GPU that is worked for in advance it is a lower
    bound.

    Args:
        clock: Seconds, monotonic.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.started = self._last = clock()
        self._gap: float | None = None
        self._begun = 0.0
        self.waited_s = self.training_s = 0.0

    @property
    def seconds(self) -> float:
        """Since the recording began."""
        return self._clock() - self.started

    def on_forward(self) -> None:
        """A forward pass begins; the first one after a step or a validation ends the wait."""
        if self._gap is None:
            now = self._clock()
            self._gap, self._begun = now - self._last, now

    def on_step(self) -> None:
        """The work on a batch is done."""
        now = self._clock()
        if self._gap is not None:
            self.waited_s += self._gap
            self.training_s += self._gap + now - self._begun
        self._gap, self._last = None, now

    def on_validation(self) -> None:
        """Whatever passed since the last step was no training."""
        self._gap, self._last = None, self._clock()


class Order:
    """Compares the losses of the batches of a pass with those of the pass before.

    Batches of other samples in every pass have losses that know nothing of each other; the
    same batches are easy or hard each time. Differences of neighbours are compared, so that the
    progress within a pass does not count. Their rank correlation has about the variance 1.5 / n if
    the order is new (differences of independent numbers correlate by -1/2 with their neighbours).

    Sorted samples show in the level: a network that expects more of the class that it has just seen
    pays for it when the next one begins, and over a pass does worse than a constant answer. One
    that learns nothing may do so as well, as it was made: its losses stay what they are.
    """

    def __init__(self) -> None:
        self._before: np.ndarray | None = None
        self._alike: list[float] = []
        self._highest = self._moved = 0.0
        self._count = 0

    def end_pass(self, losses: Sequence[float], level: float) -> None:
        """Takes the losses of a pass, one a step, in their order.

        Args:
            losses: Of the batches.
            level: The loss of a constant prediction.
        """
        steps = np.asarray(losses[:-1], dtype=np.float64)  # the last batch is often a smaller one
        finite = len(steps) >= LEAST_STEPS and bool(np.all(np.isfinite(steps)))
        if finite and level > 0:
            self._highest = max(self._highest, float(steps.mean()) / level)
        before, self._before = self._before, steps if finite else None
        if before is None or not finite or len(before) != len(steps):
            return
        self._moved = max(self._moved, float(np.abs(steps - before).max()) / (level or math.inf))
        changes = np.diff(before), np.diff(steps)
        if min(map(np.ptp, changes)) == 0:
            return
        self._count = len(steps) - 1
        self._alike.append(float(spearmanr(*changes).statistic))

    def gate(self) -> Gate | None:
        """The verdict; None before two passes of the same length, of twelve steps or more."""
        if not self._alike:
            return None
        alike = float(np.median(self._alike))
        limit = DEVIATIONS * math.sqrt(1.5 / self._count / len(self._alike))
        limit = max(LEAST_ALIKE, limit)
        in_order = WORSE <= self._highest <= MUCH_WORSE and self._moved >= LEAST_MOVED
        evidence = {
            "passes": len(self._alike) + 1,
            "highest_mean": self._highest,
            "moved": self._moved,
            "sorted": in_order,
        }
        return Gate("unshuffled", alike, limit, alike < limit, evidence)
