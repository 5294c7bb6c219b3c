"""What rules read from the signals that were recorded inside the network."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from phoropter.core.run_records import PassSignals
from phoropter.diagnosis.evidence import RunEvidence
from phoropter.diagnosis.signals import chance_loss, curve


def late(evidence: RunEvidence) -> Sequence[PassSignals]:
    """The sampled passes of the second half of a run, at least one where any was recorded.

    What shows at the start alone, a network has got over.
    """
    rows = evidence.signals
    if not rows:
        return ()
    middle = (rows[0].epoch + rows[-1].epoch) / 2
    return tuple(row for row in rows if row.epoch >= middle)


def loss_left(evidence: RunEvidence) -> float | None:
    """The training loss at the end over that of a constant prediction; None if not recorded.

    The median of the last three passes, so that one bad pass does not count.
    """
    level, losses = chance_loss(evidence), curve(evidence, "train_loss")
    if level is None or level <= 0 or not len(losses):
        return None
    return float(np.median(losses.values[-3:])) / level


def in_training_and_in_use(evidence: RunEvidence) -> NDArray[np.float64]:
    """Of each pass the running loss and the plain training loss to compare it with, shape (k, 2).

    A pass begins with the loss before it and ends with that after it. Its running loss is set
    against the higher of the two, so that a falling loss does not look like a hard training.
    """
    rows = [row for row in evidence.history if row.train_loss is not None]
    pairs = [
        (row.running_loss, max(before.train_loss or 0.0, row.train_loss or 0.0))
        for before, row in pairwise(rows)
        if row.running_loss is not None
    ]
    return np.array(pairs, dtype=np.float64).reshape(-1, 2)


def samples_a_step(evidence: RunEvidence) -> int | None:
    """Training samples behind one step of the optimiser; None for foreign loops, if not told."""
    train, counted = evidence.recipe.train, evidence.summary.numerics.get("batch_size")
    if not evidence.history:
        return None
    if counted is not None:
        return int(counted) * train.accumulate
    if not evidence.summary.run:
        return None
    return train.batch_size * train.accumulate if isinstance(train.batch_size, int) else None


def steps_a_pass(evidence: RunEvidence) -> float | None:
    """Optimiser steps of a whole pass; None where they were not counted."""
    rows = [row for row in evidence.history if row.epoch > 0 and row.step > 0]
    return rows[0].step / rows[0].epoch if rows else None


def gradient_cosine(evidence: RunEvidence) -> float | None:
    """The cosine of consecutive gradients in the second half of a run; None if not measured.

    It estimates the share of a gradient's squared length that is no noise. Where one batch holds
    all samples there is no noise: 1.0.
    """
    if steps_a_pass(evidence) == 1.0:
        return 1.0
    known = [row.gradient_cosine for row in late(evidence) if row.gradient_cosine is not None]
    return float(np.median(known)) if known else None
