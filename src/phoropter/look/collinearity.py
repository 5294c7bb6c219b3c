"""How much of a column the other columns say already: correlation and variance inflation."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

LARGEST_VIF = 1e6
"""A column that others determine exactly has an infinite factor; it is shown as this."""


def variance_inflation(columns: NDArray[np.float64]) -> NDArray[np.float64]:
    """Variance inflation factor of each column, shape (d,), from 1 to `LARGEST_VIF`.

    VIF_j = 1 / (1 - R^2_j), where R^2_j is that of a linear regression, with intercept, of column
    j on all others: the diagonal of the inverse of the correlation matrix. Constant columns have 1.

    Source: Belsley, Kuh and Welsch, "Regression diagnostics", 1980.

    >>> variance_inflation(np.array([[1.0, 1], [2, 0], [3, 1], [4, 0.0]])).round(2).tolist()
    [1.25, 1.25]

    Args:
        columns: Shape (n, d), finite.
    """
    factors = np.ones(columns.shape[1])
    spread = columns.std(axis=0)
    varied = np.flatnonzero(spread > 1e-12 * np.maximum(np.abs(columns).max(axis=0, initial=0), 1))
    if len(varied) < 2:
        return factors
    matrix = np.corrcoef(columns[:, varied], rowvar=False)
    values, vectors = np.linalg.eigh(matrix)
    weak = np.maximum(values, 1e-12)  # an exact tie has the eigenvalue 0, but for rounding
    factors[varied] = np.clip((vectors**2 / weak).sum(axis=1), 1.0, LARGEST_VIF)
    return factors


def correlations(columns: NDArray[np.float64]) -> NDArray[np.float64]:
    """Pearson's correlation of each pair of columns over the rows that have both, shape (d, d).

    0 where a pair has fewer than three rows in common or one of them is constant there.

    Args:
        columns: Shape (n, d); NaN where a cell is missing.
    """
    known = np.isfinite(columns)
    middle = np.where(known, columns, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    centred = np.where(known, columns - middle, 0.0)
    scale = np.abs(centred).max(axis=0, initial=0)
    centred /= np.where(scale > 0, scale, 1.0)
    shared = known.astype(np.float64)
    count = shared.T @ shared
    sums = centred.T @ shared  # of column i over the rows that column j has
    squares = (centred**2).T @ shared
    products = centred.T @ centred
    safe = np.maximum(count, 1)
    covariance = products - sums * sums.T / safe
    variance = np.maximum(squares - sums**2 / safe, 0)
    size = np.sqrt(variance * variance.T)
    sound = (count >= 3) & (size > 1e-12 * safe)
    return np.where(sound, covariance / np.where(sound, size, 1.0), 0.0)


def same_partition(first: NDArray[np.int64], second: NDArray[np.int64]) -> bool:
    """Whether two columns of category numbers divide the rows alike: one renames the other.

    >>> same_partition(np.array([0, 0, 1, 2]), np.array([5, 5, 3, 9]))
    True
    """
    pairs = len(np.unique(np.stack([first, second], axis=1), axis=0))
    return pairs == len(np.unique(first)) == len(np.unique(second))


def inflation(columns: Mapping[str, NDArray[np.float64]]) -> dict[str, float]:
    """Variance inflation of each column, over the rows that have all columns that are half filled.

    Columns that are less than half filled are left out; empty where too few rows are complete.

    Args:
        columns: Shape (n,) each; NaN where a cell is missing.
    """
    half = {name: values for name, values in columns.items() if np.isfinite(values).mean() >= 0.5}
    if len(half) < 2:
        return {}
    table = np.stack(list(half.values()), axis=1)
    complete = table[np.isfinite(table).all(axis=1)]
    if len(complete) < 2 * len(half) + 2:
        return {}
    return dict(zip(half, variance_inflation(complete).tolist(), strict=True))


def drawn_in(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The column with values far out of range drawn in, so that single ones decide nothing.

    Args:
        values: Shape (n,); NaN where a cell is missing.
    """
    known = values[np.isfinite(values)]
    if not len(known):
        return np.full(len(values), np.nan)
    low, high = np.quantile(known, [0.05, 0.95])
    reach = high - low
    if reach == 0:
        return np.where(np.isfinite(values), values, np.nan)
    return np.where(np.isnan(values), np.nan, np.clip(values, low - reach, high + reach))
