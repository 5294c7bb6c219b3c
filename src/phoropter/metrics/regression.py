"""Metrics of predicted numbers; with several numbers a sample, the mean of each one's metric."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from phoropter.core.predictions import ValuePredictions
from phoropter.metrics.function import Floats, MetricFunction, Weighted, labelled, ratio

NEAR_ZERO = 0.01  # of the mean magnitude: below it, one unit of error counts a hundredfold


def squared_errors(predictions: ValuePredictions) -> Floats:
    """Squared error of each number, shape (n, t)."""
    return np.asarray((predictions.values - predictions.truth) ** 2)


def absolute_errors(predictions: ValuePredictions) -> Floats:
    """Absolute error of each number, shape (n, t)."""
    return np.asarray(np.abs(predictions.values - predictions.truth))


def relative_errors(predictions: ValuePredictions) -> Floats:
    """Absolute error over the magnitude of the truth (2.2e-16 where that is zero), shape (n, t)."""
    magnitude = np.maximum(np.abs(predictions.truth), np.finfo(np.float64).eps)
    return np.asarray(absolute_errors(predictions) / magnitude)


def mape_caution(predictions: ValuePredictions) -> str:
    """Why the mean relative error of these predictions misleads; empty where it does not.

    It does as soon as one true value is closer to zero than a hundredth of the mean magnitude:
    that sample alone can outweigh all the others.

    >>> table = ValuePredictions(
    ...     np.array(["a", "b"]), np.array([[0.0], [5.0]]), np.array([[1.0], [5.0]]), ("x",)
    ... )
    >>> mape_caution(table)
    'mape is dominated by 1 of 2 true values near zero; read mae or rmse instead.'
    """
    truth = np.abs(np.asarray(labelled(predictions).truth))
    if truth.size == 0:
        return ""
    near = int((truth <= NEAR_ZERO * truth.mean(axis=0)).any(axis=1).sum())
    if near == 0:
        return ""
    return (
        f"mape is dominated by {near} of {len(truth)} true values near zero; "
        "read mae or rmse instead."
    )


def _averaged(
    errors: Callable[[ValuePredictions], Floats], finish: Callable[[Floats], Floats] = np.asarray
) -> Callable[[ValuePredictions], Weighted]:
    def prepare(predictions: ValuePredictions) -> Weighted:
        per_sample = errors(predictions)

        def compute(weights: Floats) -> Floats:
            means = ratio(weights @ per_sample, weights.sum(axis=1, keepdims=True))
            return np.asarray(finish(means).mean(axis=1))

        return compute

    return prepare


def _r2(predictions: ValuePredictions) -> Weighted:
    """1 - squared error over variance; for constant truth 1 if all is right, else 0."""
    errors = squared_errors(predictions)
    # Centring first keeps the weighted variance exact when the mean is large.
    truth = predictions.truth - predictions.truth.mean(axis=0)

    def compute(weights: Floats) -> Floats:
        count = weights.sum(axis=1, keepdims=True)
        unexplained = weights @ errors
        mean = ratio(weights @ truth, count)
        spread = weights @ truth**2 - count * mean**2
        # A resample of one value repeated has no spread but for rounding.
        spread[spread <= 1e-12 * (weights @ truth**2)] = 0.0
        constant = np.where(unexplained == 0, 1.0, 0.0)
        by_number = np.where(spread > 0, 1 - ratio(unexplained, spread), constant)
        return np.where(count[:, 0] >= 2, by_number.mean(axis=1), np.nan)

    return compute


def _metric(name: str, prepare: Callable[[ValuePredictions], Weighted]) -> MetricFunction:
    return MetricFunction(name, "values", False, (0.0, float("inf")), prepare)


mae = _metric("mae", _averaged(absolute_errors))
mse = _metric("mse", _averaged(squared_errors))
rmse = _metric("rmse", _averaged(squared_errors, np.sqrt))
mape = _metric("mape", _averaged(relative_errors))
r2 = MetricFunction("r2", "values", True, (float("-inf"), 1.0), _r2)
