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
from numpy.typing import NDArray

from phoropter.core.predictions import ClassPredictions, Predictions, ValuePredictions
from phoropter.core.seed import generator
from phoropter.metrics.function import Floats, MetricFunction, chunks

FIRST_DRAWS = 1999
ENOUGH_EXCEEDANCES = 10
"""If so many of the first draws reach the difference, the p-value is above 0.005 and known well
enough; only smaller ones, which later looks need, are worth more draws."""
DRAWS_BEYOND_DECISION = 2.0
"""The p-value at which the decision falls is twice the smallest that so many draws can give."""
MOST_DRAWS = 200_000
"""Enough for a verdict at look 70; later ones then stay undecided, which is the safe side."""


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
    rows, repeats = _distinct(a, b, metric)
    weighted = metric.weighted(_stacked(a.take(rows), b.take(rows)))
    wanted = min(max(FIRST_DRAWS, math.ceil(DRAWS_BEYOND_DECISION / decisive)), MOST_DRAWS)
    extreme = draws = 0
    for moved in _coins(repeats, wanted, seed):
        stayed = repeats - moved
        swapped = weighted(np.hstack([moved, stayed]))
        kept = weighted(np.hstack([stayed, moved]))
        # A draw in which the metric has no value cannot speak against the observed difference.
        extreme += int(np.sum(~(np.abs(swapped - kept) < reached)))
        draws += len(moved)
        if draws >= FIRST_DRAWS and extreme >= ENOUGH_EXCEEDANCES:
            break
    return (1 + extreme) / (1 + draws)


def _distinct(
    a: Predictions, b: Predictions, metric: MetricFunction
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """One row of each kind of sample, and how many there are of it.

    A metric of the called classes cannot tell two samples apart that have the same truth and were
    called the same by both models: how many of them are swapped is binomial.
    """
    called_only = not metric.needs_probabilities
    if called_only and isinstance(a, ClassPredictions) and isinstance(b, ClassPredictions):
        kinds = np.stack([a.truth, a.predicted, b.predicted])
        _, rows, repeats = np.unique(kinds, axis=1, return_index=True, return_counts=True)
        return rows, repeats
    return np.arange(len(a)), np.ones(len(a), dtype=np.int64)


def _coins(repeats: NDArray[np.int64], draws: int, seed: int) -> Iterator[Floats]:
    """How many of each kind are swapped, (rows, kinds) at a time; `FIRST_DRAWS`, then the rest."""
    toss = generator(seed, "permutation")
    for part in (FIRST_DRAWS, draws - FIRST_DRAWS):
        for rows in chunks(part, 2 * len(repeats)):
            shape = (rows, len(repeats))
            if repeats.max() == 1:
                yield toss.integers(0, 2, size=shape, dtype=np.int8).astype(np.float64)
            else:
                yield toss.binomial(repeats, 0.5, size=shape).astype(np.float64)


def _stacked(a: Predictions, b: Predictions) -> Predictions:
    """The predictions of `a` followed by those of `b`."""
    ids, truth = np.concatenate([a.ids, b.ids]), np.concatenate([a.truth, b.truth])
    if isinstance(a, ClassPredictions) and isinstance(b, ClassPredictions):
        probabilities = np.concatenate([a.probabilities, b.probabilities])
        plain = a.decided is None and b.decided is None
        decided = None if plain else np.concatenate([a.predicted, b.predicted])
        return replace(a, ids=ids, truth=truth, probabilities=probabilities, decided=decided)
    if isinstance(a, ValuePredictions) and isinstance(b, ValuePredictions):
        return replace(a, ids=ids, truth=truth, values=np.concatenate([a.values, b.values]))
    message = f"predictions of {a.kind} and of {b.kind} are not aligned"
    raise TypeError(message)
