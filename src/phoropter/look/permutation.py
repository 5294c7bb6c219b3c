"""Tests whose null distribution comes from shuffling the labels, never from an assumed one.

A p-value is (1 + number of shuffles at least as extreme) / (1 + shuffles), which is valid at any
sample size (Phipson and Smyth, "Permutation p-values should never be zero", 2010).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
FOLDS = 5


def shuffles(
    labels: NDArray[np.int64], strata: NDArray[np.int64], count: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """The labels and then `count` shuffles of them within strata, shape (n, count + 1).

    >>> labels, strata = np.array([0, 1, 5, 5]), np.array([0, 0, 1, 1])
    >>> drawn = shuffles(labels, strata, 9, np.random.default_rng(0))
    >>> drawn.shape, bool((drawn[2:] == 5).all())
    ((4, 10), True)
    """
    drawn = np.repeat(labels[:, None], count + 1, axis=1)
    for stratum in np.unique(strata):
        rows = np.flatnonzero(strata == stratum)
        drawn[np.ix_(rows, np.arange(1, count + 1))] = rng.permuted(drawn[rows, 1:], axis=0)
    return drawn


def p_value(statistics: Numbers) -> float:
    """One-sided p-value of the first statistic among all of them, shape (shuffles + 1,).

    >>> p_value(np.array([3.0, 1.0, 2.0, 3.0]))
    0.5
    """
    # Equal statistics differ in the last bits when summed in another order.
    tolerance = 1e-9 * max(1.0, abs(float(statistics[0])))
    return float(np.mean(statistics >= statistics[0] - tolerance))


def out_of_fold(inputs: Numbers, targets: Numbers, rng: np.random.Generator) -> Numbers:
    """Ridge predictions of every target column for rows that the fit has not seen.

    The fit depends on the inputs alone until the last product, so that thousands of shuffled
    targets cost one matrix product. For 0/1 targets this is linear discriminant analysis with a
    regularised covariance (Hastie, Tibshirani, Friedman, "The Elements of Statistical Learning",
    section 4.3).

    Args:
        inputs: Shape (n, d); columns are standardised here.
        targets: Shape (n, t).
        rng: Draws the folds.

    Returns:
        Shape (n, t).
    """
    spread = inputs.std(axis=0)
    columns = (inputs - inputs.mean(axis=0)) / np.where(spread > 1e-12, spread, 1.0)
    fold = rng.permutation(np.arange(len(inputs)) % FOLDS)
    predictions = np.empty(targets.shape)
    for held_out in range(FOLDS):
        fit, judge = columns[fold != held_out], columns[fold == held_out]
        known = targets[fold != held_out]
        centre, mean = fit.mean(axis=0), known.mean(axis=0)
        centred = fit - centre
        penalty = 0.01 * len(fit) * np.eye(fit.shape[1])
        weights = np.linalg.solve(centred.T @ centred + penalty, centred.T @ (known - mean))
        predictions[fold == held_out] = (judge - centre) @ weights + mean
    return predictions


def areas(scores: Numbers, positive: NDArray[np.bool_]) -> Numbers:
    """Area under the ROC curve of each column, by ranks, shape (t,).

    Args:
        scores: Shape (n, t).
        positive: Shape (n, t); every column has rows of both kinds.
    """
    from scipy.stats import rankdata

    ranks = rankdata(scores, axis=0)
    count = positive.sum(axis=0)
    others = len(scores) - count
    total = np.where(positive, ranks, 0.0).sum(axis=0)
    return np.asarray((total - count * (count + 1) / 2) / (count * others))


def largest_gaps(values: Numbers, second: NDArray[np.bool_]) -> Numbers:
    """Kolmogorov-Smirnov statistic of each labelling: the largest gap of the two distributions.

    Args:
        values: Shape (n,).
        second: Shape (n, t), whether a row is of the second sample; every column has both.

    Returns:
        Shape (t,).
    """
    order = np.argsort(values, kind="stable")
    ordered, second = values[order], second[order]
    last_of_ties = np.append(ordered[1:] != ordered[:-1], True)
    above = np.cumsum(second, axis=0)[last_of_ties]
    below = np.cumsum(~second, axis=0)[last_of_ties]
    return np.asarray(np.abs(above / above[-1] - below / below[-1]).max(axis=0))
