"""Short, noisy curves: slope with an interval, noise floor, smoothing, place of the best point."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

MAX_POINTS = 200  # the slope looks at all pairs; longer curves are thinned by block medians
END_POINTS = 5  # of a curve, at least, that tell of its end: fewer have no noise to speak of


@dataclass(frozen=True, slots=True)
class Slope:
    """A slope and the ends of its confidence interval, in y units a x unit."""

    value: float
    low: float
    high: float


def slope(x: ArrayLike, y: ArrayLike, *, confidence: float = 0.95) -> Slope:
    """The Theil-Sen slope of `y` over `x`: the median over all pairs of points, Sen's interval.

    Up to 29 % of the points may be arbitrarily wrong. With fewer than six points the interval
    spans all pairwise slopes, so that "all below zero" means a curve that always falls. Without
    two different `x` the slope is zero and the interval infinite. Curves of more than
    `MAX_POINTS` points are thinned first.

    Source: Theil (1950); Sen (1968), JASA 63:1379, with his correction for ties.

    >>> slope([0, 1, 2, 3], [5, 4, 3, 2]).value
    -1.0
    """
    abscissa, ordinate = _thinned(np.asarray(x, float), np.asarray(y, float))
    if len(abscissa) < 2 or np.ptp(abscissa) == 0:
        return Slope(0.0, -np.inf, np.inf)
    first, second = np.triu_indices(len(abscissa), 1)
    run = abscissa[second] - abscissa[first]
    rise = ordinate[second] - ordinate[first]
    slopes = np.sort(rise[run != 0] / run[run != 0])
    half_width = NormalDist().inv_cdf((1 + confidence) / 2) * np.sqrt(
        _kendall_variance(abscissa, ordinate)
    )
    count = len(slopes)
    low = max(round((count - half_width) / 2) - 1, 0)
    high = min(round((count + half_width) / 2), count - 1)
    return Slope(float(np.median(slopes)), float(slopes[low]), float(slopes[high]))


def noise(y: ArrayLike) -> float:
    """The standard deviation of a curve's point-to-point noise, free of its trend.

    It is taken from second differences, which vanish on straight lines, by their median absolute
    value, so that single jumps do not count. Zero for fewer than three points.

    Source: Gasser, Sroka, Jennen-Steinmetz (1986), Biometrika 73:625, made robust by the median.

    >>> noise([3.0, 2.0, 1.0, 0.0])
    0.0
    """
    values = np.asarray(y, float)
    if len(values) < 3:
        return 0.0
    second = np.diff(values, n=2)
    to_deviation = 1.4826 / np.sqrt(6)  # normal consistency; variance of (1, -2, 1) is 6
    return float(np.median(np.abs(second)) * to_deviation)


def end_noise(y: ArrayLike) -> float:
    """The noise of the last quarter of a curve, and of its last five points at least."""
    values = np.asarray(y, float)
    return noise(values[-max(END_POINTS, len(values) // 4) :])


def smooth(y: ArrayLike, *, width: int = 5) -> NDArray[np.float64]:
    """A running median of `width` points, narrower towards the ends, which are kept.

    Source: Tukey (1977), Exploratory Data Analysis, chapter 7.

    >>> smooth([1, 1, 9, 1, 1]).tolist()
    [1.0, 1.0, 1.0, 1.0, 1.0]
    """
    values = np.asarray(y, float)
    last = len(values) - 1
    reach = [min(width // 2, index, last - index) for index in range(len(values))]
    return np.array(
        [np.median(values[index - side : index + side + 1]) for index, side in enumerate(reach)],
        dtype=np.float64,
    )


def best_position(y: Sequence[float] | NDArray[np.float64], *, greater_is_better: bool) -> float:
    """Where the best point lies, from 0.0 (the first) to 1.0 (the last); the earliest of equals.

    >>> best_position([3, 1, 2, 2, 2], greater_is_better=False)
    0.25
    """
    if len(y) < 2:
        return 1.0
    values = np.asarray(y, float)
    best = int(values.argmax() if greater_is_better else values.argmin())
    return best / (len(values) - 1)


def sign_changes(y: ArrayLike) -> float:
    """The share of inner points at which a curve turns, in [0, 1]; white noise has 2/3.

    >>> sign_changes([0, 1, 0, 1])
    1.0
    """
    steps = np.sign(np.diff(np.asarray(y, float)))
    if len(steps) < 2:
        return 0.0
    return float(np.mean(steps[1:] * steps[:-1] < 0))


def _thinned(
    x: NDArray[np.float64], y: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    if len(x) <= MAX_POINTS:
        return x, y
    blocks = np.array_split(np.arange(len(x)), MAX_POINTS)
    return (
        np.array([np.median(x[block]) for block in blocks]),
        np.array([np.median(y[block]) for block in blocks]),
    )


def _kendall_variance(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """Variance of Kendall's S under independence, corrected for ties."""

    def term(size: NDArray[np.int64]) -> float:
        return float(np.sum(size * (size - 1.0) * (2.0 * size + 5.0)))

    ties = [np.unique(values, return_counts=True)[1] for values in (x, y)]
    total = term(np.array([len(x)]))
    return max(0.0, (total - sum(term(size) for size in ties)) / 18)
