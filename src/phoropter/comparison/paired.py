"""The verdict on a change: better, worse or undecided, never "looks better".

Both models are judged on the same samples, so what is hard for both cancels out. Accuracy is
decided by the exact McNemar test, every other metric by the paired permutation test; the interval
of the difference is a bootstrap that draws the same samples for both.

"Undecided" is not "equal". That two models are as good as equal is said by the interval: if all of
it lies within the region of practical equivalence, two one-sided tests at 2.5 % each say so
(Schuirmann, "A comparison of the two one-sided tests procedure and the power approach", 1987).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from phoropter.comparison.alignment import aligned
from phoropter.comparison.looks import ALPHA, threshold
from phoropter.comparison.mcnemar import detectable, discordant, exact_p
from phoropter.comparison.methods import on_same_samples
from phoropter.comparison.permutation import permutation_p
from phoropter.core.errors import UsageError
from phoropter.core.predictions import ClassPredictions, Predictions
from phoropter.core.records import Comparison, Verdict
from phoropter.metrics import named
from phoropter.metrics.function import Floats, MetricFunction
from phoropter.metrics.interval import bootstrap_ends
from phoropter.metrics.resampling import bootstrap
from phoropter.metrics.studentised import of_difference, studentised_ends

RESAMPLES = 2000


@dataclass(frozen=True, slots=True)
class PairedTest:
    """The difference between two models on the same samples.

    Args:
        delta: Value of the second minus value of the first.
        low: Lower end of its 95 % interval.
        high: Upper end.
        p_value: Two-sided, for one look.
    """

    delta: float
    low: float
    high: float
    p_value: float


def compare(
    a: Predictions,
    b: Predictions,
    metric: str,
    *,
    names: tuple[str, str],
    looks: int,
    seed: int = 0,
) -> Comparison:
    """The verdict on `b` against `a`, given only if it survives the correction for looks.

    Where the metric is not defined, or the two never differ, it is "undecided" with p-value 1.

    Args:
        a: The reference.
        b: The challenger, on the same samples in any order.
        metric: Name of a registered metric.
        names: Identifiers of the runs.
        looks: How many comparisons this validation part has seen, this one included.
        seed: Of the draws.

    Raises:
        UsageError: If the metric is unknown, or the samples, classes or truth of the two differ.

    >>> import numpy as np
    >>> ids, truth = np.arange(40).astype(np.str_), np.zeros(40, dtype=np.int64)
    >>> wrong = ClassPredictions(ids, truth, np.tile([0.4, 0.6], (40, 1)), ("x", "y"))
    >>> right = ClassPredictions(ids, truth, np.tile([0.6, 0.4], (40, 1)), ("x", "y"))
    >>> compare(wrong, right, "accuracy", names=("old", "new"), looks=1).verdict
    'better'
    """
    function = named(metric)
    test = paired_test(a, b, function, decisive=threshold(looks), seed=seed)
    method = on_same_samples(metric)
    comparison = judged(test, metric, names=names, looks=looks, method=method)
    return replace(comparison, detectable=_detectable(a, b, function, looks))


def judged(
    test: PairedTest, metric: str, *, names: tuple[str, str], looks: int, method: str
) -> Comparison:
    """The verdict that a test gives at this look, as a record.

    Args:
        test: Of `metric`, the second run's value minus the first's.
        metric: What was compared, by the name or reference that it was asked for by.
        names: Identifiers of the runs.
        looks: How many comparisons this validation part has seen, this one included.
        method: Which test it is and why, one sentence.
    """
    greater = named(metric).greater_is_better
    verdict = _verdict(test, threshold(looks), greater_is_better=greater)
    return Comparison(
        a=names[0],
        b=names[1],
        metric=metric,
        delta=test.delta,
        low=test.low,
        high=test.high,
        p_value=test.p_value,
        looks=looks,
        verdict=verdict,
        method=method,
    )


def within(comparison: Comparison, rope: float | None) -> Comparison:
    """The comparison, with the word on whether the two are as good as equal.

    It is no verdict: nothing is accepted on account of it, so it is not corrected for looks.

    Args:
        comparison: With its 95 % interval.
        rope: Differences smaller than this do not matter, in the metric's unit; None asks nothing.

    Raises:
        UsageError: If `rope` is not a positive number.
    """
    if rope is None:
        return replace(comparison, rope=None, equivalent=None)
    if not 0 < rope < math.inf:
        raise UsageError(
            f"The region of practical equivalence is {rope}.",
            hint="Give the smallest difference that matters, such as 0.005.",
        )
    inside = -rope < comparison.low and comparison.high < rope
    return replace(comparison, rope=rope, equivalent=inside)


def paired_test(
    a: Predictions,
    b: Predictions,
    metric: MetricFunction,
    *,
    decisive: float = ALPHA,
    seed: int = 0,
) -> PairedTest:
    """The difference of one metric between two models, b minus a.

    Args:
        a: The first model's predictions.
        b: The second's, on the same samples in any order.
        metric: What to compare.
        decisive: The p-value at which a decision falls; below 0.002 it costs more draws.
        seed: Of the draws.

    Raises:
        UsageError: If the samples, targets or truth of the two differ, or the metric does not fit.
    """
    a, b = aligned(a, b)
    metric.check(a)
    if len(a) == 0:
        raise UsageError(
            "There is no sample with a known truth to compare on.",
            hint="Compare on a part of the data that has targets.",
        )
    delta = metric(b) - metric(a)
    if math.isnan(delta):
        return PairedTest(math.nan, math.nan, math.nan, 1.0)
    low, high = difference_ends(a, b, metric, seed=seed)
    return PairedTest(delta, low, high, _p_value(a, b, metric, decisive=decisive, seed=seed))


def difference_ends(
    a: Predictions, b: Predictions, metric: MetricFunction, *, seed: int = 0
) -> tuple[float, float]:
    """Ends of the 95 % interval of the difference of a metric, b minus a.

    Args:
        a: The one model, truth known.
        b: The other, same samples in the same order.
        metric: Any metric for them.
        seed: Of the draws.
    """
    by_pivots = of_difference(metric, a, b)
    if by_pivots is not None:
        return studentised_ends([by_pivots], resamples=RESAMPLES, seed=seed)[0]
    of_a, of_b = metric.weighted(a), metric.weighted(b)

    def difference(weights: Floats) -> Floats:
        return of_b(weights) - of_a(weights)

    draws = bootstrap([difference], len(a), resamples=RESAMPLES, seed=seed)[0]
    return bootstrap_ends(difference, draws, len(a))


def proper_score_test(
    a: Predictions, b: Predictions, *, decisive: float = ALPHA, seed: int = 0
) -> PairedTest:
    """The paired test of the mean log loss (classes) or squared error (numbers), b minus a.

    Proper scores use all of a prediction, not only which class won: on the same samples they show
    smaller differences than accuracy does. A negative difference is in favour of `b`.

    Raises:
        UsageError: If the samples, targets or truth of the two differ.
    """
    name = "log_loss" if isinstance(a, ClassPredictions) else "mse"
    return paired_test(a, b, named(name), decisive=decisive, seed=seed)


def _p_value(
    a: Predictions, b: Predictions, metric: MetricFunction, *, decisive: float, seed: int
) -> float:
    if _by_hits(metric) and isinstance(a, ClassPredictions) and isinstance(b, ClassPredictions):
        return exact_p(*discordant(a, b))
    return permutation_p(a, b, metric, decisive=decisive, seed=seed)


def _detectable(a: Predictions, b: Predictions, metric: MetricFunction, looks: int) -> float | None:
    """The smallest difference in accuracy that these samples would show."""
    a, b = aligned(a, b)
    if not (
        _by_hits(metric) and isinstance(a, ClassPredictions) and isinstance(b, ClassPredictions)
    ):
        return None
    return detectable(len(a), sum(discordant(a, b)) / len(a), level=threshold(looks))


def _by_hits(metric: MetricFunction) -> bool:
    """Whether it counts right answers; one of the user's may have the same name."""
    return metric is named("accuracy")


def _verdict(test: PairedTest, limit: float, *, greater_is_better: bool) -> Verdict:
    if not test.p_value <= limit or test.delta == 0:  # neither holds of what is not defined
        return "undecided"
    return "better" if (test.delta > 0) == greater_is_better else "worse"
