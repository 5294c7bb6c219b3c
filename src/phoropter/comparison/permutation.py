"""The paired permutation test: if the models were interchangeable, swapping them changes nothing.

For each draw, a coin decides for every sample which model's prediction goes to which side. Under
the hypothesis that the two are equally good this is exact for any metric and any number of samples,
where the p-value of a bootstrap is too small on few samples. Source: Good, "Permutation, Parametric
and Bootstrap Tests of Hypotheses" (2005), ch. 3; the same test decides in machine translation
(Riezler & Maxwell 2005).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from phoropter.core.predictions import ClassPredictions, Predictions, ValuePredictions
from phoropter.core.seed import generator
from phoropter.metrics.function import Floats, MetricFunction, chunks

FIRST_DRAWS = 1999
ENOUGH_EXCEEDANCES = 10
"""If so many of the first draws reach the difference, the p-value is above 0.005 and known well
enough; only smaller ones, which later looks need, are worth more draws."""
DRAWS_BEYOND_DECISION = 4.0
"""The smallest p-value that matters is resolved to a quarter of itself."""


def permutation_p(
    a: Predictions, b: Predictions, metric: MetricFunction, *, decisive: float, seed: int
) -> float:
    """Two-sided p-value of the difference of a metric between two aligned predictions.

    It is (1 + draws at least as extreme) / (1 + draws), so never zero, and valid at any number of
    draws. NaN if the metric is not defined.

    Args:
        a: The one model, truth known.
        b: The other, same samples in the same order.
        metric: Any metric for them.
        decisive: The p-value at which the decision falls; more draws are made for a smaller one.
        seed: Of the coins.
    """
    observed = abs(metric(b) - metric(a))
    if math.isnan(observed):
        return math.nan
    if observed == 0:
        return 1.0
    # Sums in another order differ in the last digits: equal differences must count as equal.
    reached = observed * (1 - 1e-9)
    weighted = metric.weighted(_stacked(a, b))
    wanted = max(FIRST_DRAWS, math.ceil(DRAWS_BEYOND_DECISION / decisive))
    extreme = draws = 0
    for coins in _coins(len(a), wanted, seed):
        swapped = weighted(np.hstack([coins, 1 - coins]))
        kept = weighted(np.hstack([1 - coins, coins]))
        # A draw in which the metric has no value cannot speak against the observed difference.
        extreme += int(np.sum(~(np.abs(swapped - kept) < reached)))
        draws += len(coins)
        if draws >= FIRST_DRAWS and extreme >= ENOUGH_EXCEEDANCES:
            break
    return (1 + extreme) / (1 + draws)


def _coins(samples: int, draws: int, seed: int) -> Iterator[Floats]:
    """Zeros and ones, (rows, samples) at a time: first `FIRST_DRAWS` rows in all, then the rest."""
    toss = generator(seed, "permutation")
    for part in (FIRST_DRAWS, draws - FIRST_DRAWS):
        for rows in chunks(part, 2 * samples):
            yield toss.integers(0, 2, size=(rows, samples), dtype=np.int8).astype(np.float64)


def _stacked(a: Predictions, b: Predictions) -> Predictions:
    """The predictions of `a` followed by those of `b`."""
    ids, truth = np.concatenate([a.ids, b.ids]), np.concatenate([a.truth, b.truth])
    if isinstance(a, ClassPredictions) and isinstance(b, ClassPredictions):
        probabilities = np.concatenate([a.probabilities, b.probabilities])
        return replace(a, ids=ids, truth=truth, probabilities=probabilities)
    if isinstance(a, ValuePredictions) and isinstance(b, ValuePredictions):
        return replace(a, ids=ids, truth=truth, values=np.concatenate([a.values, b.values]))
    message = f"predictions of {a.kind} and of {b.kind} are not aligned"
    raise TypeError(message)
