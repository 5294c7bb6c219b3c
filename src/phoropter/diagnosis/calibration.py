"""How large a calibration error sampling alone would give."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from phoropter.core.seed import generator

BINS = 15  # equal-width bins of the confidence, as in phoropter.metrics.calibration
RESAMPLES = 1000


@dataclass(frozen=True, slots=True)
class Consistency:
    """A calibration error beside its distribution under perfect calibration.

    Args:
        error: Expected calibration error, in [0, 1].
        mean: Its mean if every confidence were the true probability of a hit.
        quantile: The 99 % quantile of the same.
    """

    error: float
    mean: float
    quantile: float


def consistency(
    confidence: NDArray[np.float64], hits: NDArray[np.bool_], *, seed: int = 0
) -> Consistency:
    """The expected calibration error of some predictions against its sampling noise.

    Hits are drawn anew `RESAMPLES` times with the confidences as probabilities (consistency
    resampling). Only the number of hits a bin matters, and the error is the sum over bins of
    |hits - sum of confidences| / n.

    Args:
        confidence: Probability of the predicted class, shape (n,).
        hits: Whether it was right, shape (n,).
        seed: Decides the draws.

    Source: Broecker & Smith (2007), Weather and Forecasting 22:651; Vaicenavicius et al. (2019).

    >>> sure = np.full(100, 0.9)
    >>> consistency(sure, np.arange(100) < 60).error.__round__(3)
    0.3
    """
    bins = np.minimum((confidence * BINS).astype(np.int64), BINS - 1)
    expected = np.bincount(bins, weights=confidence, minlength=BINS)
    draws = generator(seed, "calibration-noise")
    errors = np.zeros(RESAMPLES)
    for index in np.unique(bins):
        members = confidence[bins == index]
        drawn = np.zeros(RESAMPLES)
        for block in np.array_split(members, max(1, len(members) // 1000)):  # bounds the memory
            drawn += (draws.random((RESAMPLES, len(block))) < block).sum(axis=1)
        errors += np.abs(drawn - expected[index])
    observed = np.bincount(bins, weights=hits, minlength=BINS)
    n = len(confidence)
    return Consistency(
        error=float(np.abs(observed - expected).sum() / n),
        mean=float(errors.mean() / n),
        quantile=float(np.quantile(errors, 0.99) / n),
    )
