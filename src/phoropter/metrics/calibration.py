"""Whether a probability of 0.8 comes true four times in five."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from phoropter.core.errors import UsageError
from phoropter.core.predictions import ClassPredictions
from phoropter.metrics.function import Floats, MetricFunction, Weighted, ratio
from phoropter.metrics.tallies import Grouping

BINS = 15  # Guo et al. (2017), "On Calibration of Modern Neural Networks"


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
    few samples it comes out too large (every bin's chance gap counts as a fault), and no interval
    mends that: under about 500 samples read it as an upper bound.
    """

    def prepare(predictions: ClassPredictions) -> Weighted:
        gaps = _hits(predictions) - _confidence(predictions)
        gap_by_bin = Grouping(_bin_of(predictions, bins), bins, gaps)
        return lambda weights: ratio(
            np.abs(gap_by_bin.sums(weights)).sum(axis=1), weights.sum(axis=1)
        )

    return prepare


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
    "ece", "classes", False, (0.0, 1.0), calibration_error(BINS)
)
