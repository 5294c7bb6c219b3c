"""When a challenger is so far behind that the rest of its run would tell nothing."""

from __future__ import annotations

from collections.abc import Sequence

from phoropter.core.run_records import Epoch
from phoropter.training.records import Losing

LEAST_SHARE = 1 / 3
"""Of a run's steps: before it, a long warm-up or strong augmentation may be behind and yet win."""

LEAST_PASSES = 2
TIMES = 1.5
"""A best loss so far that is so many times the reference's at the same share of the run, and..."""

MARGIN = 0.05
"""...that much above it: losses near zero differ by such factors and mean nothing."""


def losing_against(reference: Sequence[Epoch], *, planned: int, epochs: int) -> Losing:
    """A function of a challenger's history so far: whether it is clearly losing.

    Both are read as the lowest validation loss up to a share of the planned passes, so that runs of
    different lengths are compared at the same point of their schedules.

    Args:
        reference: The reference's history; without one (a classic model) nothing is losing.
        planned: Passes that the reference was to make.
        epochs: Passes that the challenger is to make.
    """

    def losing(history: Sequence[Epoch]) -> bool:
        if not reference or not history or history[-1].epoch < LEAST_PASSES:
            return False
        share = history[-1].epoch / epochs
        if share < LEAST_SHARE:
            return False
        own = _lowest(history, up_to=history[-1].epoch)
        other = _lowest(reference, up_to=share * planned)
        return own is not None and other is not None and own > TIMES * other + MARGIN

    return losing


def _lowest(history: Sequence[Epoch], *, up_to: float) -> float | None:
    losses = [row.val_loss for row in history if row.epoch <= up_to and row.val_loss is not None]
    return min(losses, default=None)
