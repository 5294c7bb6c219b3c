"""What rules read from a run's history: curves without gaps, levels to compare them with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from phoropter.core.run_records import Epoch
from phoropter.diagnosis.evidence import RunEvidence

Field = Literal[
    "running_loss",
    "train_loss",
    "val_loss",
    "train_metric",
    "val_metric",
    "grad_norm",
    "worst_loss",
]


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """The finite points of one recorded signal.

    Args:
        epochs: Epoch numbers, shape (n,).
        values: Shape (n,).
        time: Learning time (see `learning_times`), shape (n,).
    """

    epochs: NDArray[np.int64]
    values: NDArray[np.float64]
    time: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.values)

    def after(self, time: float, *, at_least: int = 3) -> Curve:
        """The points from a learning time on, and never fewer than the last `at_least`."""
        start = int(np.searchsorted(self.time, time))
        start = max(0, min(start, len(self) - at_least))
        return Curve(self.epochs[start:], self.values[start:], self.time[start:])


def curve(evidence: RunEvidence, field: Field) -> Curve:
    """One signal of the history; rows where it is missing or not finite are left out."""
    times = learning_times(evidence.history)
    points = [
        (row.epoch, float(value), time)
        for row, time in zip(evidence.history, times, strict=True)
        if (value := getattr(row, field)) is not None and np.isfinite(value)
    ]
    table = np.array(points, dtype=np.float64).reshape(-1, 3)
    return Curve(table[:, 0].astype(np.int64), table[:, 1], table[:, 2])


def learning_times(history: tuple[Epoch, ...]) -> NDArray[np.float64]:
    """Steps so far, each weighted by its learning rate as a share of the highest one, shape (n,).

    Over this time a curve does not flatten just because the schedule let the rate decay, so the
    question "was it still falling?" can be asked of cosine schedules too. Without recorded rates
    it is the number of steps.
    """
    steps = np.array([row.step for row in history], dtype=np.float64)
    if not history or np.ptp(steps) == 0:  # curves of foreign loops have no steps
        return np.array([row.epoch for row in history], dtype=np.float64)
    rates = np.array([row.lr for row in history], dtype=np.float64)
    if history[0].step == 0:
        rates[0] = rates[1]  # before the first step there is no rate
    if not np.all(np.isfinite(rates)) or rates.max() <= 0:
        return steps
    between = (rates[1:] + rates[:-1]) / 2 / rates.max()
    return np.concatenate([steps[:1], steps[0] + np.cumsum(np.diff(steps) * between)])


def chance_loss(evidence: RunEvidence) -> float | None:
    """The loss of a constant prediction: the entropy of the class shares (nats), or 1.0 for values.

    Where the target is unknown it is the first recorded loss, a lower bound of it in practice.
    """
    schema = evidence.summary.schema
    if schema.kind == "values" and schema.names:
        return 1.0
    counts = np.array([count for count in schema.counts if count > 0], dtype=np.float64)
    if len(counts) > 1:
        shares = counts / counts.sum()
        return float(-(shares * np.log(shares)).sum())
    if len(schema.names) > 1:
        return float(np.log(len(schema.names)))
    first = evidence.history[0] if evidence.history else None
    if first is None:
        return None
    losses = [loss for loss in (first.train_loss, first.val_loss) if loss is not None]
    return next((loss for loss in losses if np.isfinite(loss) and loss > 0), None)


def not_finite_at(evidence: RunEvidence) -> int | None:
    """The first epoch in which a loss was recorded as NaN or infinite."""
    for row in evidence.history:
        losses = (row.running_loss, row.worst_loss, row.train_loss, row.val_loss)
        if any(value is not None and not np.isfinite(value) for value in losses):
            return row.epoch
    return None


def best_epoch(evidence: RunEvidence) -> int | None:
    """The epoch of the lowest validation loss, or None if none was recorded."""
    losses = curve(evidence, "val_loss")
    return int(losses.epochs[losses.values.argmin()]) if len(losses) else None
