"""McNemar's test: of the samples on which two classifiers disagree, who is right more often?"""

from __future__ import annotations

import numpy as np
from scipy.special import bdtr

from phoropter.core.predictions import ClassPredictions


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
