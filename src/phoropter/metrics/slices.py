"""Where a model is weak: by any property of the samples, by sample, by pair of classes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from phoropter.core.errors import UsageError
from phoropter.core.predictions import ClassPredictions, Predictions
from phoropter.core.records import Metric
from phoropter.metrics.evaluate import evaluate
from phoropter.metrics.function import Floats, labelled
from phoropter.metrics.regression import squared_errors
from phoropter.metrics.scores import log_losses
from phoropter.metrics.tallies import confusion

MOST_SLICES = 12
QUANTILES = 4


@dataclass(frozen=True, slots=True)
class Slice:
    """A metric on the samples that share a value.

    Args:
        value: The value, or "low to high" for a range of numbers.
        metric: With its interval.
    """

    value: str
    metric: Metric


@dataclass(frozen=True, slots=True)
class ConfusedPair:
    """How often samples of one class were called another.

    Args:
        actual: The true class.
        predicted: What they were called.
        count: How many.
        share: Of the samples of the true class.
    """

    actual: str
    predicted: str
    count: int
    share: float


def sliced(
    predictions: Predictions, name: str, column: Sequence[Any] | NDArray[Any], *, seed: int = 0
) -> tuple[Slice, ...]:
    """The metric `name` on each slice of `column` (one value a prediction), in sorted order.

    Numbers with more than 12 distinct values are cut into quarters of equal size. Samples without
    a value (None, NaN) form no slice.

    Raises:
        UsageError: If the column has another length than the predictions.
    """
    values = column if isinstance(column, np.ndarray) else _as_array(column)
    if len(values) != len(predictions):
        raise UsageError(
            f"A column of {len(values)} values cannot slice {len(predictions)} predictions.",
            hint="Give one value a prediction, in the same order.",
        )
    groups = groups_of(values)
    return tuple(
        Slice(label, evaluate(predictions.take(rows), names=[name], seed=seed)[0])
        for label, rows in groups
    )


def losses(predictions: Predictions) -> Floats:
    """What each sample costs, shape (n,): log loss for classes, mean squared error for numbers.

    NaN where the truth is unknown.
    """
    if isinstance(predictions, ClassPredictions):
        cost = np.full(len(predictions), np.nan)
        known = np.flatnonzero(predictions.truth >= 0)
        cost[known] = log_losses(predictions.take(known))
        return cost
    return np.asarray(squared_errors(predictions).mean(axis=1))


def worst(predictions: Predictions, count: int) -> tuple[str, ...]:
    """Ids of the `count` samples of largest loss, worst first; ties in the given order.

    >>> table = ClassPredictions(
    ...     np.array(["a", "b"]), np.array([0, 0]), np.array([[0.9, 0.1], [0.2, 0.8]]), ("x", "y")
    ... )
    >>> worst(table, 1)
    ('b',)
    """
    known = labelled(predictions)
    order = np.argsort(-losses(known), kind="stable")[: max(count, 0)]
    return tuple(str(name) for name in known.ids[order])


def confused_pairs(predictions: ClassPredictions, count: int) -> tuple[ConfusedPair, ...]:
    """The `count` most frequent confusions of one class with another, most frequent first."""
    table = confusion(predictions)
    actual = table.sum(axis=1)
    np.fill_diagonal(table, 0)
    order = np.argsort(-table, axis=None, kind="stable")[: max(count, 0)]
    pairs = zip(*np.unravel_index(order, table.shape), strict=True)
    return tuple(
        ConfusedPair(
            actual=predictions.classes[row],
            predicted=predictions.classes[column],
            count=int(table[row, column]),
            share=float(table[row, column] / actual[row]),
        )
        for row, column in pairs
        if table[row, column] > 0
    )


def _is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _as_array(column: Sequence[Any]) -> NDArray[Any]:
    """Words stay what they are, and what is missing among them does not become one."""
    words = any(isinstance(value, str) for value in column)
    return np.array(column, dtype=object) if words else np.asarray(column)


def groups_of(values: NDArray[Any]) -> list[tuple[str, NDArray[np.int64]]]:
    """Name and positions of each slice of a column, in sorted order; see `sliced`."""
    if values.dtype.kind in "iuf":
        present = np.flatnonzero(~np.isnan(values.astype(np.float64)))
        if len(np.unique(values[present])) > MOST_SLICES:
            return _quarters(values.astype(np.float64), present)
    else:
        there = (row for row, value in enumerate(values) if not _is_missing(value))
        present = np.fromiter(there, dtype=np.int64)
    distinct, inverse = np.unique(values[present], return_inverse=True)
    return [
        (str(value), present[inverse.reshape(-1) == index]) for index, value in enumerate(distinct)
    ]


def _quarters(values: Floats, present: NDArray[np.int64]) -> list[tuple[str, NDArray[np.int64]]]:
    edges = np.unique(np.quantile(values[present], np.linspace(0, 1, QUANTILES + 1)))
    bins = np.clip(np.searchsorted(edges, values[present], side="right") - 1, 0, len(edges) - 2)
    return [
        (f"{edges[index]:.4g} to {edges[index + 1]:.4g}", present[bins == index])
        for index in range(len(edges) - 1)
    ]
