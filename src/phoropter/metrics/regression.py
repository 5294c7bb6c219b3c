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
            return np.asarray(finish(_means(per_sample, weights)).mean(axis=1))

        return compute

    return prepare


def _contributions(
    errors: Callable[[ValuePredictions], Floats],
    slope: Callable[[Floats], Floats] = np.ones_like,
) -> Callable[[ValuePredictions], Weighted]:
    """Of the mean over numbers of a function of their mean errors, whose derivative is `slope`."""

    def prepare(predictions: ValuePredictions) -> Weighted:
        per_sample = errors(predictions)

        def compute(weights: Floats) -> Floats:
            means = _means(per_sample, weights)
            steepness = slope(means) / means.shape[1]
            return np.asarray(
                steepness @ per_sample.T - (steepness * means).sum(axis=1, keepdims=True)
            )

        return compute

    return prepare


def _means(per_sample: Floats, weights: Floats) -> Floats:
    return ratio(weights @ per_sample, weights.sum(axis=1, keepdims=True))


def _slope_of_root(means: Floats) -> Floats:
    """Of the square root; 0 where all errors are 0, and so are all contributions."""
    return ratio(np.ones_like(means), 2 * np.sqrt(means), undefined=0.0)


def _r2(predictions: ValuePredictions) -> Weighted:
    """1 - squared error over variance; for constant truth 1 if all is right, else 0."""
    errors = squared_errors(predictions)
    # Centring first keeps the weighted variance exact when the mean is large.
    truth = predictions.truth - predictions.truth.mean(axis=0)

    def compute(weights: Floats) -> Floats:
        count = weights.sum(axis=1, keepdims=True)
        unexplained, spread = weights @ errors, _spread(truth, weights)
        constant = np.where(unexplained == 0, 1.0, 0.0)
        by_number = np.where(spread > 0, 1 - ratio(unexplained, spread), constant)
        return np.where(count[:, 0] >= 2, by_number.mean(axis=1), np.nan)

    return compute


def _r2_contributions(predictions: ValuePredictions) -> Weighted:
    """(unexplained share * squared distance from the mean - squared error) / variance."""
    errors = squared_errors(predictions)
    truth = predictions.truth - predictions.truth.mean(axis=0)

    def compute(weights: Floats) -> Floats:
        count = weights.sum(axis=1, keepdims=True)
        spread = _spread(truth, weights)
        inverse = ratio(count, spread, undefined=0.0) / truth.shape[1]
        share = inverse * ratio(weights @ errors, spread, undefined=0.0)
        mean = _means(truth, weights)
        return np.asarray(
            share @ (truth**2).T
            - 2 * (share * mean) @ truth.T
            + (share * mean**2).sum(axis=1, keepdims=True)
            - inverse @ errors.T
        )

    return compute


def _spread(centred: Floats, weights: Floats) -> Floats:
    """Sum of squared distances from the weighted mean, shape (b, t)."""
    squares = weights @ centred**2
    mean = _means(centred, weights)
    spread = squares - weights.sum(axis=1, keepdims=True) * mean**2
    # A resample of one value repeated has no spread but for rounding.
    spread[spread <= 1e-12 * squares] = 0.0
    return np.asarray(spread)


def _metric(
    name: str,
    errors: Callable[[ValuePredictions], Floats],
    *,
    finish: Callable[[Floats], Floats] = np.asarray,
    slope: Callable[[Floats], Floats] = np.ones_like,
) -> MetricFunction:
    return MetricFunction(
        name,
        "values",
        False,
        (0.0, float("inf")),
        _averaged(errors, finish),
        contributions=_contributions(errors, slope),
    )


mae = _metric("mae", absolute_errors)
mse = _metric("mse", squared_errors)
rmse = _metric("rmse", squared_errors, finish=np.sqrt, slope=_slope_of_root)
mape = _metric("mape", relative_errors)
r2 = MetricFunction(
    "r2", "values", True, (float("-inf"), 1.0), _r2, contributions=_r2_contributions
)
