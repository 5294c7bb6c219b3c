"""Whether a probability of 0.8 comes true four times in five."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from phoropter.core.errors import UsageError
from phoropter.core.predictions import ClassPredictions
from phoropter.core.seed import generator
from phoropter.metrics.function import Floats, MetricFunction, Weighted, ratio
from phoropter.metrics.tallies import Grouping

BINS = 15  # Guo et al. (2017), "On Calibration of Modern Neural Networks"
DRAWS = 2_000
_UPPER = 0.975  # of a 95 % interval
_HALVINGS = 20  # of the range that a factor is sought in


@dataclass(frozen=True, slots=True, eq=False)
class ReliabilityTable:
    """Confidence against accuracy, one row a bin; the numbers behind a reliability diagram.

    Args:
        edges: Bin edges, shape (bins + 1,).
        counts: Samples in each bin, shape (bins,).
        confidence: Mean probability of the predicted class in each bin; NaN where empty.
        accuracy: Share of hits in each bin; NaN where empty.
    """

    edges: Floats
    counts: NDArray[np.int64]
    confidence: Floats
    accuracy: Floats


def reliability(predictions: ClassPredictions, bins: int = BINS) -> ReliabilityTable:
    """Confidence and accuracy in `bins` equal bins of the highest probability.

    The bins are [0, 1/bins), ..., [1 - 1/bins, 1]: each holds its lower edge, the last one also 1.

    Raises:
        UsageError: If `bins` is not positive.

    >>> table = reliability(ClassPredictions(
    ...     np.array(["a", "b"]), np.array([0, 1]), np.array([[0.9, 0.1], [0.9, 0.1]]), ("x", "y")
    ... ), bins=2)
    >>> table.counts.tolist(), table.accuracy.tolist()[1], round(table.confidence.tolist()[1], 3)
    ([0, 2], 0.5, 0.9)
    """
    known = predictions.take(np.flatnonzero(predictions.truth >= 0))
    members = _bin_of(known, bins)
    counts = np.bincount(members, minlength=bins)
    everyone = np.ones((1, len(known)))
    hits = Grouping(members, bins, _hits(known)).sums(everyone)[0]
    confidence = Grouping(members, bins, _confidence(known)).sums(everyone)[0]
    return ReliabilityTable(
        edges=_edges(bins),
        counts=counts,
        confidence=ratio(confidence, counts.astype(np.float64)),
        accuracy=ratio(hits, counts.astype(np.float64)),
    )


def calibration_error(bins: int) -> Callable[[ClassPredictions], Weighted]:
    """`prepare` of the expected calibration error with that many bins.

    It is the mean gap between confidence and accuracy of the bins, weighted by their samples. From
    few samples it comes out too large, as every bin's chance gap counts as a fault; its interval
    (`calibration_ends`) allows for that.
    """

    def prepare(predictions: ClassPredictions) -> Weighted:
        gaps = _hits(predictions) - _confidence(predictions)
        gap_by_bin = Grouping(_bin_of(predictions, bins), bins, gaps)
        return lambda weights: ratio(
            np.abs(gap_by_bin.sums(weights)).sum(axis=1), weights.sum(axis=1)
        )

    return prepare


def calibration_ends(bins: int) -> Callable[[ClassPredictions], tuple[float, float]]:
    """The 95 % interval of the expected calibration error with that many bins.

    Drawing samples anew adds chance gaps to those that are there, so a bootstrap of a sum of
    absolute gaps lies above the truth: of calibrated models its intervals held the true error in 0
    of 100 cases, at 200 samples as at 1,000. So the interval holds every error that would make one
    as small as the measured one, or as large, not too unlikely: the measured gaps, shrunk or
    stretched by one factor, plus normal noise of each bin (test inversion; Carpenter, "Test
    inversion bootstrap confidence intervals", JRSS B 61, 1999).
    """

    def ends(predictions: ClassPredictions) -> tuple[float, float]:
        noise = generator(0, "calibration-noise").standard_normal((DRAWS, bins))
        count, members = len(predictions), _bin_of(predictions, bins)
        apart = _hits(predictions) - _confidence(predictions)
        gap = np.bincount(members, apart, bins) / count
        variance = (np.bincount(members, apart**2, bins) / count - gap**2) / count
        chance = noise * np.sqrt(np.maximum(variance, 0.0))
        measured = float(np.abs(gap).sum())

        def smaller(factor: float) -> float:
            """How often the error would be at most the measured one."""
            return float(np.mean(np.abs(factor * gap + chance).sum(axis=1) <= measured))

        if not chance.any():
            return measured, measured
        low, high = _factor(smaller, _UPPER), _factor(smaller, 1 - _UPPER)
        return measured * low, measured * high

    return ends


def _factor(smaller: Callable[[float], float], share: float) -> float:
    """The factor at which `smaller`, which falls, comes down to a share; 0 if it starts there."""
    low, high = 0.0, 1.0
    if smaller(low) <= share:
        return low
    while smaller(high) > share:
        low, high = high, 2 * high
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if smaller(middle) > share else (low, middle)
    return (low + high) / 2


def _confidence(predictions: ClassPredictions) -> Floats:
    return np.asarray(predictions.probabilities.max(axis=1))


def _hits(predictions: ClassPredictions) -> Floats:
    return np.asarray(predictions.most_probable == predictions.truth, dtype=np.float64)


def _bin_of(predictions: ClassPredictions, bins: int) -> NDArray[np.int64]:
    places = np.searchsorted(_edges(bins), _confidence(predictions), side="right") - 1
    return np.clip(places, 0, bins - 1)


def _edges(bins: int) -> Floats:
    if bins < 1:
        raise UsageError(f"{bins} bins cannot hold anything.", hint="Give a positive number.")
    return np.linspace(0.0, 1.0, bins + 1)


expected_calibration_error = MetricFunction(
    "ece",
    "classes",
    False,
    (0.0, 1.0),
    calibration_error(BINS),
    ends=calibration_ends(BINS),
)
