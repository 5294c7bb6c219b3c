"""McNemar's test: of the samples on which two classifiers disagree, who is right more often?"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtr, gammaln, xlogy

from phoropter.core.predictions import ClassPredictions

WANTED_POWER = 0.8  # the usual convention (Cohen 1988)


def discordant(a: ClassPredictions, b: ClassPredictions) -> tuple[int, int]:
    """How many samples only `a` has right, and how many only `b`; aligned, truth known."""
    a_right, b_right = a.predicted == a.truth, b.predicted == b.truth
    return int(np.sum(a_right & ~b_right)), int(np.sum(b_right & ~a_right))


def exact_p(only_a: int, only_b: int) -> float:
    """Two-sided p-value of the sign test on the discordant samples; 1.0 if there are none.

    McNemar (1947) with the binomial distribution in place of chi-squared.

    >>> round(exact_p(11, 1), 5)
    0.00635
    """
    total = only_a + only_b
    return min(1.0, 2 * float(bdtr(min(only_a, only_b), total, 0.5)))


def power(samples: int, only_a: float, only_b: float, *, level: float) -> float:
    """Probability that the exact test finds `b` better at `level`, if it is.

    Summed over how many samples are discordant (binomial) and how few of them only `a` may have
    right for the test to speak. It tells which difference so many samples can show.

    >>> round(power(1000, 0.025, 0.075, level=0.05), 3)
    0.999

    Args:
        samples: Validation samples.
        only_a: Share of samples that only `a` has right.
        only_b: Share that only `b` has right; the difference in accuracy is `only_b - only_a`.
        level: The p-value that counts as evidence.
    """
    share = only_a + only_b
    if share <= 0:
        return 0.0
    reach = 8 * (samples * share * (1 - share)) ** 0.5 + 8  # more is too unlikely to count
    least, most = max(samples * share - reach, 1), min(samples * share + reach, samples)
    total = np.arange(int(least), int(most) + 1)
    allowed = _most_against(total, level)
    spoken = np.where(allowed < 0, 0.0, bdtr(np.maximum(allowed, 0), total, only_a / share))
    return float(_binomial(total, samples, share) @ spoken)


def detectable(samples: int, share: float, *, level: float) -> float | None:
    """The smallest difference in accuracy that so many samples show in four cases of five.

    None where even one model alone being right on all samples that tell them apart would not do.

    >>> round(detectable(1000, 0.1, level=0.05), 3)
    0.029

    Args:
        samples: Validation samples.
        share: Of them only one of the two has right.
        level: The p-value that counts as evidence.
    """

    def found(delta: float) -> float:
        return power(samples, (share - delta) / 2, (share + delta) / 2, level=level)

    low, high = 0.0, share
    if found(high) < WANTED_POWER:
        return None
    while high - low > 0.01 * high:
        middle = (low + high) / 2
        low, high = (low, middle) if found(middle) >= WANTED_POWER else (middle, high)
    return high


def _most_against(total: NDArray[np.int64], level: float) -> NDArray[np.int64]:
    """For so many discordant samples, the most that may speak for the other side; -1: never."""
    low, high = np.full(len(total), -1), total // 2
    while np.any(low < high):
        middle = (low + high + 1) // 2
        decisive = 2 * bdtr(np.maximum(middle, 0), total, 0.5) <= level
        low, high = np.where(decisive, middle, low), np.where(decisive, high, middle - 1)
    return np.asarray(low, dtype=np.int64)


def _binomial(hits: NDArray[np.int64], samples: int, share: float) -> NDArray[np.float64]:
    """Probability of so many hits among the samples."""
    ways = gammaln(samples + 1) - gammaln(hits + 1) - gammaln(samples - hits + 1)
    return np.asarray(np.exp(ways + xlogy(hits, share) + xlogy(samples - hits, 1 - share)))
