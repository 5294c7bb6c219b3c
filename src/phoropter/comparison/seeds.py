"""Two recipes over several seeds each: is the one better, or was it luckier?

A single training of each compares two models. What is to be known is mostly whether the recipe is
better, and seeds alone move a score about as much as the choice of validation samples does
(Bouthillier et al., "Accounting for variance in machine learning benchmarks", MLSys 2021).

The difference of the means over seeds is uncertain for two reasons, and both are measured: other
validation samples (bootstrapped, the same draw for all models) and other seeds (the spread of the
scores). Their variances are added. What seeds and samples do together is in both of them, so the
sum is too large rather than too small (Owen, "The pigeonhole bootstrap", 2007).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from phoropter.comparison.alignment import aligned
from phoropter.comparison.folds import t_test
from phoropter.comparison.methods import OVER_SEEDS
from phoropter.comparison.paired import RESAMPLES, PairedTest, judged
from phoropter.core.errors import UsageError
from phoropter.core.predictions import Predictions
from phoropter.core.records import Comparison
from phoropter.metrics import named
from phoropter.metrics.function import Floats, MetricFunction
from phoropter.metrics.resampling import bootstrap

PILOT = 3
"""Trainings of each recipe from which the spread over seeds is estimated."""
MOST = 10
"""Trainings of each recipe at most."""
WITHIN = 2.0
"""A difference below so many standard deviations of what seeds alone bring is small."""


@dataclass(frozen=True, slots=True)
class SeedsTest:
    """The difference between two recipes, and what it is uncertain by.

    Args:
        test: The difference of the means over seeds, its interval and p-value.
        sample_variance: Of the difference, that other validation samples would bring.
        seed_variance: Of the difference of one training each, that other seeds would bring.
        freedom: Degrees of freedom of the p-value (Welch and Satterthwaite).
    """

    test: PairedTest
    sample_variance: float
    seed_variance: float
    freedom: float

    @property
    def spread(self) -> float:
        """Standard deviation of the metric over trainings of one recipe, both pooled."""
        return math.sqrt(self.seed_variance / 2)


def seeds_test(
    a: Sequence[Predictions], b: Sequence[Predictions], metric: MetricFunction, *, seed: int = 0
) -> SeedsTest:
    """The difference of the mean metric between two recipes, second minus first.

    Where nothing varies, the metric is not defined, or there is one sample, the p-value is 1.

    Args:
        a: Predictions of at least two trainings of the first recipe, on the same samples.
        b: As many of the second.
        metric: What to compare.
        seed: Of the draws.

    Raises:
        UsageError: If there are fewer than two of each or not as many, no truth, or other samples.
    """
    if len(a) != len(b) or len(a) < 2:
        raise UsageError(
            f"{len(a)} and {len(b)} trainings cannot be compared over seeds.",
            hint="Give as many of each recipe, at least two.",
        )
    tables = [aligned(a[0], other)[1] for other in (*a, *b)]
    weighted = [metric.weighted(table) for table in tables]
    n, count = len(tables[0]), len(a)
    if n == 0:
        raise UsageError(
            "There is no sample with a known truth to compare on.",
            hint="Compare on a part of the data that has targets.",
        )
    scores = np.array([float(compute(np.ones((1, n)))[0]) for compute in weighted])
    of_a, of_b = scores[:count], scores[count:]

    def difference(weights: Floats) -> Floats:
        values = np.array([compute(weights) for compute in weighted])
        return np.asarray(values[count:].mean(axis=0) - values[:count].mean(axis=0))

    draws = bootstrap([difference], n, resamples=RESAMPLES, seed=seed)[0]
    samples = float(np.nanvar(draws, ddof=1)) if np.isfinite(draws).any() else math.nan
    by_seed = np.array([of_a.var(ddof=1), of_b.var(ddof=1)])
    delta = float(of_b.mean() - of_a.mean())
    total = samples + by_seed.sum() / count
    if not (math.isfinite(delta) and total > 0) or n < 2:
        return SeedsTest(PairedTest(delta, delta, delta, 1.0), samples, float(by_seed.sum()), 1.0)
    spare = samples**2 / (n - 1) + ((by_seed / count) ** 2).sum() / (count - 1)
    freedom = float(total**2 / spare)
    test = t_test(delta, float(total), freedom=freedom)
    return SeedsTest(test, samples, float(by_seed.sum()), freedom)


def compare_seeds(
    a: Sequence[Predictions],
    b: Sequence[Predictions],
    metric: str,
    *,
    names: tuple[str, str],
    looks: int,
) -> Comparison:
    """The verdict on the second recipe against the first, each trained with several seeds.

    Args:
        a: Predictions of the trainings of the first, on the same samples.
        b: As many of the second.
        metric: Name of a registered metric.
        names: Identifiers of the two.
        looks: How many comparisons these samples have seen, this one included.

    Raises:
        UsageError: If the samples differ, or there are too few trainings.
    """
    function = named(metric)
    found = seeds_test(a, b, function)
    method = OVER_SEEDS.format(count=len(a))
    comparison = judged(found.test, metric, names=names, looks=looks, method=method)
    return replace(comparison, trainings=len(a), seed_spread=found.spread)


def seeds_wanted(found: SeedsTest) -> int:
    """Trainings of each recipe with which seeds bring no more uncertainty than samples do.

    More of them would hardly narrow the interval. It follows from the two variances alone, never
    from the difference, so that asking for more does not invent a verdict (Stein, "A two-sample
    test for a linear hypothesis whose power is independent of the variance", 1945).

    Args:
        found: A test over `PILOT` trainings of each.
    """
    if not found.sample_variance > 0:
        return MOST if found.seed_variance > 0 else PILOT
    return min(max(math.ceil(found.seed_variance / found.sample_variance), PILOT), MOST)


def is_small(delta: float, spread: float) -> bool:
    """Whether seeds alone bring differences like this one between two single trainings.

    >>> is_small(0.01, spread=0.01), is_small(0.04, spread=0.01)
    (True, False)

    Args:
        delta: Between one training of each recipe.
        spread: Standard deviation over seeds of one recipe.
    """
    return abs(delta) < WITHIN * math.sqrt(2) * spread
