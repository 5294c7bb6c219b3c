"""95 % intervals by the bootstrap: what the metric would have been on other samples of the kind.

Whole samples are drawn with replacement, not stratified by class: how many samples of a class a
validation part holds is chance as well, and fixing it makes intervals of class averages too narrow.
The ends are the bias-corrected and accelerated percentiles of Efron (1987), "Better Bootstrap
Confidence Intervals": plain percentiles of skewed metrics (any near its best value) cover too
little. Means of errors without an upper bound are studentised instead (`metrics.studentised`).

The bootstrap cannot imagine an error it has never seen: a flawless model would get [1, 1]. There
the far end is moved by what the rule of three allows (Hanley & Lippman-Hand 1983): 3.7 samples of
the rarest class judged otherwise.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy.special import ndtr, ndtri

from phoropter.core.predictions import ClassPredictions, Predictions
from phoropter.metrics.function import Floats, MetricFunction, Weighted, chunks, labelled
from phoropter.metrics.ranking import RANKING
from phoropter.metrics.resampling import LEAST_DEFINED, LEVEL, bootstrap
from phoropter.metrics.studentised import of_metric, studentised_ends

JACKKNIFE_GROUPS = 200


def bootstrap_ends(weighted: Weighted, draws: Floats, samples: int) -> tuple[float, float]:
    """Ends of the 95 % interval of a statistic of `samples` samples from its bootstrap draws.

    NaN draws (a metric that is not defined on a resample) are left out; if they are the majority,
    or the statistic itself is NaN, both ends are NaN. The interval holds the value itself.
    """
    value = float(weighted(np.ones((1, samples)))[0])
    defined = draws[~np.isnan(draws)]
    if math.isnan(value) or len(defined) < LEAST_DEFINED * len(draws) or len(defined) == 0:
        return math.nan, math.nan
    levels = _corrected_levels(value, defined, _acceleration(weighted, samples))
    low, high = np.quantile(defined, levels)
    return min(float(low), value), max(float(high), value)


def intervals(
    metrics: Sequence[MetricFunction], predictions: Predictions, *, resamples: int, seed: int
) -> list[tuple[float, float]]:
    """The 95 % intervals of several metrics of the same predictions, on the same resamples.

    They are studentised, as `bootstrap_ends`, or the metric's own, and hold the value; where no
    resample differed from the value, they reach as far as unseen errors do.

    Args:
        metrics: For predictions of this kind.
        predictions: At least one, without unknown truth.
        resamples: Bootstrap draws.
        seed: Of the draws.
    """
    by_pivots = {
        place: found
        for place, metric in enumerate(metrics)
        if (found := of_metric(metric, predictions)) is not None
    }
    ends = dict[int, tuple[float, float]]()
    if by_pivots:
        of_means = studentised_ends([*by_pivots.values()], resamples=resamples, seed=seed)
        ends |= dict(zip(by_pivots, of_means, strict=True))
    plain = {
        place: metric.weighted(predictions)
        for place, metric in enumerate(metrics)
        if place not in by_pivots
    }
    if plain:
        draws = bootstrap([*plain.values()], len(predictions), resamples=resamples, seed=seed)
        for place, row in zip(plain, draws, strict=True):
            ends[place] = _ends(metrics[place], predictions, row)
    return [ends[place] for place in range(len(metrics))]


def interval(
    metric: MetricFunction, predictions: Predictions, *, resamples: int = 1000, seed: int = 0
) -> tuple[float, float]:
    """The 95 % interval of one metric.

    >>> import numpy as np
    >>> from phoropter.metrics import named
    >>> flawless = ClassPredictions(
    ...     np.arange(100).astype(np.str_), np.zeros(100, dtype=np.int64),
    ...     np.tile([0.9, 0.1], (100, 1)), ("x", "y"),
    ... )
    >>> [round(end, 3) for end in interval(named("accuracy"), flawless)]
    [0.963, 1.0]
    """
    known = labelled(predictions)
    if len(known) == 0:
        return math.nan, math.nan
    return intervals([metric], known, resamples=resamples, seed=seed)[0]


def _ends(metric: MetricFunction, predictions: Predictions, draws: Floats) -> tuple[float, float]:
    if metric.ends is None:
        low, high = bootstrap_ends(metric.weighted(predictions), draws, len(predictions))
    else:
        value = metric(predictions)
        low, high = np.clip(metric.ends(predictions), *metric.range).tolist()
        low, high = min(low, value), max(high, value)
    if low == high and isinstance(predictions, ClassPredictions):
        unseen = -math.log((1 - LEVEL) / 2)
        otherwise = _one_judged_otherwise
        if metric.name in RANKING:
            otherwise = _last_of_its_class if low == metric.best else _first_of_its_class
        other = low + unseen * (metric(otherwise(predictions)) - low)
        bounded = min(max(other, metric.range[0]), metric.range[1])
        return min(low, bounded), max(high, bounded)
    return low, high


def _corrected_levels(value: float, draws: Floats, acceleration: float) -> Floats:
    """The two percentiles to read, as fractions, shape (2,)."""
    below = float(np.mean(draws < value) + np.mean(draws <= value)) / 2
    # Half a draw short of certainty keeps the correction finite.
    bias = float(ndtri(np.clip(below, 0.5 / len(draws), 1 - 0.5 / len(draws))))
    shifted = bias + ndtri(np.array([(1 - LEVEL) / 2, (1 + LEVEL) / 2]))
    return np.asarray(ndtr(bias + shifted / (1 - acceleration * shifted)))


def _acceleration(weighted: Weighted, samples: int) -> float:
    """A sixth of the skewness of the statistic, by leaving out groups of samples in turn."""
    groups = min(samples, JACKKNIFE_GROUPS)
    member = np.arange(samples) % groups
    left_out: list[Floats] = []
    start = 0
    for rows in chunks(groups, samples):
        kept = member != np.arange(start, start + rows)[:, None]
        left_out.append(weighted(kept.astype(np.float64)))
        start += rows
    values = np.concatenate(left_out)
    defined = values[~np.isnan(values)]
    if len(defined) < 2:
        return 0.0
    influence = defined.mean() - defined
    spread = float((influence**2).sum())
    if spread <= (1e-12 * abs(float(defined.mean()))) ** 2:
        return 0.0
    return float((influence**3).sum() / (6 * spread**1.5))


def _last_of_its_class(predictions: ClassPredictions) -> ClassPredictions:
    """The predictions with one sample of the rarest class ranked behind all of the others.

    To exchange two of its probabilities might leave it in front, where all are unsure.
    """
    rarest, row = _of_rarest(predictions)
    others = np.where(np.arange(len(predictions.classes)) == rarest, -1.0, 1.0)
    return _surely(predictions, row, int((others * predictions.probabilities[row]).argmax()))


def _first_of_its_class(predictions: ClassPredictions) -> ClassPredictions:
    """The predictions with one sample of the rarest class ranked before all of the others."""
    rarest, row = _of_rarest(predictions)
    return _surely(predictions, row, rarest)


def _surely(predictions: ClassPredictions, row: int, answer: int) -> ClassPredictions:
    probabilities = predictions.probabilities.copy()
    probabilities[row] = np.arange(len(predictions.classes)) == answer
    return replace(predictions, probabilities=probabilities)


def _of_rarest(predictions: ClassPredictions) -> tuple[int, int]:
    """The class with the fewest samples, and the row of one of them."""
    counts = np.bincount(predictions.truth, minlength=len(predictions.classes))
    rarest = int(np.argmin(np.where(counts > 0, counts, len(predictions) + 1)))
    return rarest, int(np.flatnonzero(predictions.truth == rarest)[0])


def _one_judged_otherwise(predictions: ClassPredictions) -> ClassPredictions:
    """The predictions with one sample of the rarest class made wrong, or right if it was wrong."""
    rarest, row = _of_rarest(predictions)
    probabilities = predictions.probabilities.copy()
    own = probabilities[row]
    first = int(predictions.predicted[row])
    others = np.where(np.arange(len(own)) == first, np.inf, own)
    second = rarest if first != rarest else int(others.argmin())
    own[[first, second]] = own[[second, first]]
    decided = predictions.decided
    if decided is not None:
        decided = decided.copy()
        decided[row] = second
    return replace(predictions, probabilities=probabilities, decided=decided)
