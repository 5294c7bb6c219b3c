"""Pairs that lie apart from all others: nearer to each other than chance brings strangers.

Source: Facco, d'Errico, Rodriguez and Laio, "Estimating the intrinsic dimension of datasets by a
minimal neighborhood information", Scientific Reports 7, 2017: where points are scattered in m
dimensions, the nearest one lies at less than a share r of the second one's distance with
probability r^m, however densely they lie.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FALSE_SHARE = 0.05
"""Share of false pairs among those that are found this way, in expectation, at most."""

NEAR = 12
"""Neighbours that tell how many dimensions their surroundings have. Few: at a small scale pictures
differ in more ways than at a large one."""

POOLED_WEIGHT = 10
"""Each dimension is drawn towards the usual one of the set, counted as if seen ten times more."""


def isolation(table: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far the nearest one stands out, shape (m,): -log of the probability of that by chance.

    r times the logarithm of the ratio of neighbour r + 1's distance to neighbour r's is
    exponential, with a mean of 1 / dimension, and independent of the others. So the first one, over
    the mean of the next few, follows an F distribution.

    Args:
        table: Logarithms of distances to the nearest others (in any unit), shape (m, k), nearest
            first, inf where there is none; k at least 4.
    """
    near = np.where(np.isfinite(table), table, np.nan)[:, :NEAR]
    steps = np.diff(near, axis=1) * np.arange(1, near.shape[1])
    count = np.isfinite(steps[:, 1:]).sum(axis=1)
    mean = np.nansum(steps[:, 1:], axis=1) / np.maximum(count, 1)
    seen = count + POOLED_WEIGHT
    mean = np.maximum((count * mean + POOLED_WEIGHT * np.median(mean)) / seen, 1e-3)
    return np.asarray(seen * np.log1p(steps[:, 0] / (seen * mean)))


def believed(surprises: NDArray[np.float64], tested: int) -> NDArray[np.bool_]:
    """Which results may be believed, shape (r,), given the -log of their probability by chance.

    As many as keep the expected share of false ones among them below `FALSE_SHARE`. Of the results
    only those can be false that a first round does not believe. Source: Benjamini, Krieger and
    Yekutieli, "Adaptive linear step-up procedures that control the false discovery rate",
    Biometrika 93, 2006.

    >>> believed(np.array([9.0, 0.5, 2.0]), 3).tolist()
    [True, False, False]

    Args:
        surprises: Shape (r,).
        tested: How many there were, those too small to be named included.
    """
    share = FALSE_SHARE / (1 + FALSE_SHARE)
    first = _step_up(surprises, tested, share)
    return _step_up(surprises, max(tested - int(first.sum()), 1), share)


def _step_up(surprises: NDArray[np.float64], false: int, share: float) -> NDArray[np.bool_]:
    falling = np.sort(surprises)[::-1]
    needed = np.log(false / (share * np.arange(1, len(falling) + 1)))
    passed = np.flatnonzero(falling >= needed)
    limit = falling[passed[-1]] if len(passed) else np.inf
    return np.asarray(surprises >= limit)
