"""Two recipes over the same folds: the corrected resampled t test.

Folds share most of their training samples, so their scores are alike, and a plain t test takes that
for certainty. Nadeau and Bengio put the share of samples that a fold is tested on in its place.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy.special import stdtr, stdtrit

from phoropter.comparison.alignment import aligned
from phoropter.comparison.methods import OVER_FOLDS
from phoropter.comparison.paired import PairedTest, judged
from phoropter.core.errors import UsageError
from phoropter.core.predictions import Predictions
from phoropter.core.records import Comparison
from phoropter.metrics import named
from phoropter.metrics.function import Floats

LEAST_FOLDS = 3
_UPPER = 0.975  # of a 95 % interval


def compare_folds(
    a: Sequence[Predictions],
    b: Sequence[Predictions],
    metric: str,
    *,
    names: tuple[str, str],
    looks: int,
    test_to_train: float,
) -> Comparison:
    """The verdict on the second recipe against the first, both trained on every fold.

    Args:
        a: What the first says of each fold that it was not trained on.
        b: What the second does, fold by fold.
        metric: Name of a registered metric.
        names: Identifiers of the two.
        looks: How many comparisons these samples have seen, this one included.
        test_to_train: See `corrected_t`.

    Raises:
        UsageError: If the folds differ or are too few.
    """
    function = named(metric)
    pairs = [aligned(one, other) for one, other in zip(a, b, strict=True)]
    differences = np.array([function(other) - function(one) for one, other in pairs])
    test = corrected_t(differences, test_to_train=test_to_train)
    method = OVER_FOLDS.format(count=len(pairs))
    comparison = judged(test, metric, names=names, looks=looks, method=method)
    return replace(comparison, trainings=len(pairs))


def corrected_t(differences: Floats, *, test_to_train: float) -> PairedTest:
    """The mean difference between two recipes over folds, with its interval and two-sided p-value.

    The variance of the mean of J differences is taken as (1 / J + test / train) times theirs, with
    J - 1 degrees of freedom. Where all differences are equal they say nothing of their spread, and
    where one is not defined there is no mean: the p-value is then 1.

    Args:
        differences: Metric of the second minus that of the first on each fold, shape (j,).
        test_to_train: Samples a fold is tested on over samples it is trained on: 1 / (k - 1) for
            k folds.

    Raises:
        UsageError: If there are fewer than three differences, or the ratio is not positive.

    Source: Nadeau and Bengio, "Inference for the generalization error", Machine Learning 52, 2003,
    equation 9; for repeated folds Bouckaert and Frank (2004).

    >>> found = corrected_t(np.array([0.02, 0.01, 0.03, 0.00, 0.04]), test_to_train=0.25)
    >>> round(found.delta, 3), round(found.p_value, 3)
    (0.02, 0.132)
    """
    count = len(differences)
    if count < LEAST_FOLDS:
        raise UsageError(
            f"{count} folds cannot tell recipes apart.",
            hint=f"Compare over at least {LEAST_FOLDS} folds.",
        )
    if not test_to_train > 0:
        raise UsageError(f"{test_to_train} is no ratio of test to training samples.")
    mean = float(np.mean(differences))
    if not math.isfinite(mean):  # on one of the folds the metric is not defined
        return PairedTest(math.nan, math.nan, math.nan, 1.0)
    spread = float(np.std(differences, ddof=1))
    if spread <= 1e-12 * max(abs(mean), 1e-300):
        return PairedTest(mean, mean, mean, 1.0)
    return t_test(mean, (1 / count + test_to_train) * spread**2, freedom=count - 1)


def t_test(delta: float, variance: float, *, freedom: float) -> PairedTest:
    """A difference with its variance and the degrees of freedom that this is known with."""
    error = variance**0.5
    reach = float(stdtrit(freedom, _UPPER)) * error
    p_value = 2 * float(stdtr(freedom, -abs(delta) / error))
    return PairedTest(delta, delta - reach, delta + reach, p_value)
