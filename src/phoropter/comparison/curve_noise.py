"""The points of a learning curve, and how uncertain training samples make them.

Models on disjoint parts of one size differ, and so tell their noise. What they do not tell is that
sizes share it: parts are nested, the whole holds all of them, and whoever collects more keeps what
there is. A lucky sample helps at the sizes that hold it, the less the more others there are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

SHARED = 0.5
"""Correlation of the noise at a size and at twice it; of further ones as much less for each
doubling. Were it all due to single samples, it would be the root of a half. Chosen among 0, 0.3,
0.5, 0.65 and 0.8 by the logarithmic score of forecasts of 34 curves (`benchmarks/forecasts.py`):
0.5 and 0.65 are alike, and 0.8 is much worse."""
EXCESS = 6.0
"""By how much more models on the fewest samples differ than samples judged independently explain,
before it is measured; it halves when the samples double. Seen on ten curves of six data sets whose
figures are not reported (`benchmarks/forecasts.py`): 10, 3, 1.6 and 0.6 times at 1/32, 1/16, an
eighth and half of the samples."""
BELIEVED = 2.0
"""Degrees of freedom that this is worth against what disjoint parts show."""


@dataclass(frozen=True, slots=True)
class Noise:
    """Variance of one model's error over training samples of a given number.

    It is `base` * error (1 - error) * (1 + `excess` * `least` / size).

    Args:
        base: What samples that models of two sizes judge independently of each other explain.
        excess: What comes on top of it at `least` samples, as a share of it.
        least: Samples of the smallest parts.
    """

    base: float
    excess: float
    least: float

    def variance(self, errors: Floats, sizes: Floats | float, *, floor: float) -> Floats:
        """At these errors and training samples; `floor` bounds error (1 - error) from below."""
        possible = np.maximum(errors * (1 - errors), floor)
        return np.asarray(self.base * possible * (1 + self.excess * self.least / sizes))


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """The points of a curve, from few samples to all, and how uncertain they are.

    Args:
        sizes: Shape (k,).
        errors: Shape (k,).
        draws: Models behind each, shape (k,).
        variances: Of `errors`, over training samples, shape (k,).
        noise: Of one model.
    """

    sizes: Floats
    errors: Floats
    draws: NDArray[np.int64]
    variances: Floats
    noise: Noise

    def covariance(self) -> Floats:
        """Of `errors`, shape (k, k)."""
        deviation = np.sqrt(self.variances)
        return np.asarray(shared(self.sizes, self.sizes) * np.outer(deviation, deviation))


def shared(some: Floats, others: Floats) -> Floats:
    """Correlation of the noise at some and at other numbers of samples, shape (k, m).

    >>> shared(np.array([100.0, 200.0]), np.array([400.0])).round(6).tolist()
    [[0.25], [0.5]]
    """
    return np.asarray(SHARED ** np.abs(np.subtract.outer(np.log2(some), np.log2(others))))


def lasting(curve: Curve, covariance: Floats, beyond: Floats) -> tuple[Floats, Floats]:
    """What noise that was seen says of the noise at larger sizes, in its standard deviations.

    Conditional expectation and variance of a normal law: Rasmussen and Williams, "Gaussian
    processes for machine learning", 2006, equations 2.23 and 2.24.

    Args:
        curve: That was seen.
        covariance: Of its points around a member, shape (k, k).
        beyond: The larger sizes, shape (m,).

    Returns:
        Weights of the k points, shape (k, m), and variances that are left, shape (m,).
    """
    both = shared(curve.sizes, beyond) * np.sqrt(curve.variances)[:, None]
    weights = np.linalg.solve(covariance, both)
    return np.asarray(weights), np.asarray(1 - (both * weights).sum(axis=0))


def curve_of(sizes: Floats, parts: Sequence[Floats], *, base: float, floor: float) -> Curve:
    """The curve of models on disjoint parts of each size, with the noise that they show.

    Args:
        sizes: From few samples to many, shape (k,).
        parts: Errors of the models on each size, k arrays.
        base: See `Noise`.
        floor: Bounds error (1 - error) from below.
    """
    errors = np.array([part.mean() for part in parts])
    draws = np.array([len(part) for part in parts])
    squares = np.array([((part - part.mean()) ** 2).sum() for part in parts])
    squares /= base * np.maximum(errors * (1 - errors), floor)
    noise = Noise(base, _excess(squares, draws - 1, sizes[0] / sizes), float(sizes[0]))
    variances = noise.variance(errors, sizes, floor=floor) / draws
    return Curve(sizes, errors, draws, variances, noise)


def _excess(squares: Floats, freedom: NDArray[np.int64], share: Floats) -> float:
    """The excess of the smallest size by moments, drawn towards `EXCESS`.

    Args:
        squares: Of the models' differences from the mean of their size, in units of the variance
            that independent samples give, shape (k,).
        freedom: Degrees of freedom of each, shape (k,).
        share: Samples of the smallest size over those of each, shape (k,).
    """
    seen = float((squares - freedom).sum()) + BELIEVED * EXCESS
    return max(seen / (float(freedom @ share) + BELIEVED), 0.0)
