"""95 % intervals of smooth functions of means: the bootstrap of (estimate - truth) / its error.

Squared errors are skewed, and often their tails are heavy: a few samples make up most of the mean.
A part without them shows too small a mean *and* too small a spread, so percentiles of resampled
means, corrected or not, reach too low. The bootstrap t sees both together: each resample's
difference from the value is divided by that resample's own standard error (Hall, "Theoretical
comparison of bootstrap confidence intervals", Annals of Statistics 16, 1988; recommended for skewed
data by Hesterberg, "What teachers should know about the bootstrap", The American Statistician 69,
2015). It must be made where the spread depends least on the value: errors without an upper bound
are compared by their logarithms.

That is not enough where tails are heavy: the samples are a population without the largest errors.
Resamples of a quarter as many are to the samples more like what the samples are to the world (Hall
and LePage, "On bootstrap estimation of the distribution of the studentized mean", Annals of the
Institute of Statistical Mathematics 48, 1996; Bickel, Goetze and van Zwet, "Resampling fewer than n
observations: gains, losses, and remedies for losses", Statistica Sinica 7, 1997). Measured on 100
squared errors, all / a quarter of them drawn: normal .93 / .96, t with five degrees of freedom
.90 / .94 of the intervals hold the truth; on 300, .95 / .96 and .93 / .95.

Differences of two models on the same samples have heavy tails on both sides: where one of the two
errs by much, the other mostly does too. There the pivots' sizes are taken, whatever their signs
(Hall, "On symmetric bootstrap confidence intervals", JRSS B 50, 1988), so that the interval of
b - a is that of a - b turned over.

Where a few samples make up nearly all of the spread (gross errors among small ones), pivots say
nothing: too many resamples have none of them. How far from its best the value may be is then a
question of how often such samples come, for which there is the binomial's interval (Clopper and
Pearson, "The use of confidence or fiducial limits", Biometrika 26, 1934). How large others of their
kind are is not known.

The standard error is that of the infinitesimal jackknife: the metric's derivative by the weight of
each sample (Efron, "The jackknife, the bootstrap and other resampling plans", 1982, ch. 6).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import betaincinv

from phoropter.core.predictions import Predictions
from phoropter.metrics.function import Floats, MetricFunction, Weighted
from phoropter.metrics.resampling import LEAST_DEFINED, LEVEL, bootstrap

LEAST_ERROR = 0.2
"""Of the standard error that so many samples have; a resample's is taken for at least that, since
one that drew nearly equal samples alone would divide by nearly nothing."""
SHARE_DRAWN = 0.25
SHARE_DRAWN_BY_SIZE = 0.5
"""The same where the pivots' sizes are taken: of 100 and 200 heavy-tailed errors .96 and .95 of the
intervals of a difference in RMSE hold the truth (a quarter .98 and .96, all .95 and .94)."""
MANY = 500
LEAST_DIFFERENT = 10
NO_SPREAD = 1e-12  # of the value: what rounding leaves where all samples contribute alike
_LARGEST = 700.0  # of which the exponential is still a number
LEAST_DRAWN = 25  # fewer are too few for a standard error
DOMINANT = 0.9
"""Of the variance, as far as so few can have it: samples that have more rule the statistic."""
GAP = 4.0
"""Times by which their contributions exceed all others: of heavy tails alone they seldom do."""
LEAST_RULED = 5


@dataclass(frozen=True, slots=True, eq=False)
class Studentised:
    """A statistic whose resamples are judged by their own standard error.

    Args:
        weighted: The statistic, from weights (b, n) to values (b,).
        contributions: Its derivative by each sample's share, from weights (b, n) to (b, n).
        samples: How many there are, n.
        bound: The end of its range, if it has just one: logarithms of the distance to it are
            compared. NaN: the values themselves.
        symmetric: Whether the pivots' sizes count, and not their signs.
    """

    weighted: Weighted
    contributions: Weighted
    samples: int
    bound: float = math.nan
    symmetric: bool = False

    @property
    def drawn(self) -> int:
        """How many samples a resample draws."""
        share = SHARE_DRAWN_BY_SIZE if self.symmetric else SHARE_DRAWN
        return max(round(share * self.samples), min(self.samples, LEAST_DRAWN))

    def pivots(self, weights: Floats) -> Floats:
        """(Value - value on all samples) / standard error, shape (b,).

        NaN where all drawn samples contribute alike.
        """
        center, spread = (float(part[0]) for part in self._scaled(np.ones((1, self.samples))))
        values, errors = self._scaled(weights)
        least = LEAST_ERROR * spread * np.sqrt(self.samples / weights.sum(axis=1))
        known = (errors > 0) & (spread > 0)
        unknown = np.full(len(values), np.nan)
        away = np.subtract(values, center, out=unknown, where=known)
        return np.asarray(np.divide(away, np.maximum(errors, least), out=unknown, where=known))

    def ends(self, pivots: Floats) -> tuple[float, float]:
        """Ends of the 95 % interval from the pivots of many resamples.

        They hold the value, and are the value where all samples contribute alike; NaN where the
        value is, or where half of the resamples have no pivot and no few samples rule it.
        """
        everyone = np.ones((1, self.samples))
        value = float(self.weighted(everyone)[0])
        if math.isnan(value):
            return math.nan, math.nan
        center, spread = (float(part[0]) for part in self._scaled(everyone))
        # Logarithms have no unit: their spread is a share of the value already.
        if not spread > NO_SPREAD * (abs(value) if math.isnan(self.bound) else 1.0):
            return value, value
        counted = None if math.isnan(self.bound) else self._counted()
        defined = pivots[~np.isnan(pivots)]
        if len(defined) <= LEAST_DEFINED * len(pivots):
            ends = [math.nan] * 2 if counted is None else counted.tolist()
            return min(*ends, value), max(*ends, value)
        if self.symmetric:
            upper = np.quantile(np.abs(defined), LEVEL)
            lower = -upper
        else:
            upper, lower = np.quantile(defined, [(1 + LEVEL) / 2, (1 - LEVEL) / 2])
        ends = [self._unscaled(value, center - spread * float(q)) for q in (upper, lower)]
        if counted is not None:
            farthest = max(counted.tolist(), key=lambda end: abs(end - self.bound))
            ends[1] = min(ends[1], farthest, key=lambda end: abs(end - self.bound))
        return min(*ends, value), max(*ends, value)

    def _counted(self) -> Floats | None:
        """The statistic where what rules it came as seldom and as often as its count allows, (2,).

        None where more than a few samples rule it.
        """
        everyone, samples = np.ones((1, self.samples)), self.samples
        if samples < LEAST_RULED:
            return None
        sizes = np.abs(self.contributions(everyone)[0])
        order = np.argsort(-sizes)
        sizes = sizes[order]
        ruled = np.cumsum(sizes**2) / np.sum(sizes**2)
        missed = (1 - LEVEL) / 2  # of the resamples: more of them without any, and no end is known
        for count in range(1, samples):
            if (1 - count / samples) ** self.drawn <= missed:
                return None
            dominant = ruled[count - 1] >= DOMINANT * (1 - count / samples)
            if dominant and sizes[count - 1] >= GAP * sizes[count]:
                shares = _binomial_ends(count, samples)
                weights = np.repeat(everyone, 2, axis=0)
                weights[:, order[:count]] = (shares / (1 - shares) * (samples / count - 1))[:, None]
                return self.weighted(weights)
        return None

    def _scaled(self, weights: Floats) -> tuple[Floats, Floats]:
        """The statistic and its standard error on the scale where they are compared, (b,) each."""
        values = self.weighted(weights)
        total = weights.sum(axis=1)
        squares = np.einsum("bn,bn->b", weights, self.contributions(weights) ** 2)
        errors = np.sqrt(squares) / total
        if math.isnan(self.bound):
            return values, errors
        distance = np.abs(values - self.bound)
        with np.errstate(divide="ignore", invalid="ignore"):  # at the bound nothing is defined
            return np.log(distance), np.where(distance > 0, errors / distance, 0.0)

    def _unscaled(self, value: float, scaled: float) -> float:
        if math.isnan(self.bound):
            return scaled
        return self.bound + math.copysign(math.exp(min(scaled, _LARGEST)), value - self.bound)


def _binomial_ends(count: int, samples: int) -> Floats:
    """The 95 % interval of a share of which `count` of `samples` were counted (Clopper-Pearson)."""
    low = betaincinv(count, samples - count + 1, (1 - LEVEL) / 2)
    high = betaincinv(count + 1, samples - count, (1 + LEVEL) / 2)
    return np.array([low, high])


def of_metric(metric: MetricFunction, predictions: Predictions) -> Studentised | None:
    """How a metric is studentised (truth known); None where percentiles serve as well.

    That is where the range has two ends, which keep the tails light, or none.
    """
    ends = [end for end in metric.range if math.isfinite(end)]
    if metric.contributions is None or len(ends) != 1:
        return None
    weighted, contributions = metric.weighted(predictions), metric.contributions(predictions)
    return Studentised(weighted, contributions, len(predictions), bound=ends[0])


def of_difference(metric: MetricFunction, a: Predictions, b: Predictions) -> Studentised | None:
    """How the difference b - a of a metric is studentised; None where percentiles serve as well.

    That is where contributions are unknown, and where there are `MANY` samples of a metric with two
    ends: of the difference of two areas, whose contributions take long, they then hold .95. And
    where fewer than `LEAST_DIFFERENT` samples tell the models apart: most resamples then draw a few
    of these or none, and have no standard error to speak of.

    Args:
        metric: Any metric for them.
        a: The one model, truth known.
        b: The other, same samples in the same order.
    """
    bounded = all(math.isfinite(end) for end in metric.range)
    if metric.contributions is None or (bounded and len(a) > MANY):
        return None
    to_a, to_b = metric.contributions(a), metric.contributions(b)
    everyone = np.ones((1, len(a)))
    apart = np.round((to_b(everyone) - to_a(everyone))[0], 12)
    if len(a) - np.unique(apart, return_counts=True)[1].max() < LEAST_DIFFERENT:
        return None
    of_a, of_b = metric.weighted(a), metric.weighted(b)
    return Studentised(
        lambda weights: of_b(weights) - of_a(weights),
        lambda weights: to_b(weights) - to_a(weights),
        len(a),
        symmetric=True,
    )


def studentised_ends(
    statistics: Sequence[Studentised], *, resamples: int, seed: int
) -> list[tuple[float, float]]:
    """The 95 % intervals of several statistics of the same samples, on the same resamples."""
    first = statistics[0]
    pivots = bootstrap(
        [each.pivots for each in statistics],
        first.samples,
        resamples=resamples,
        seed=seed,
        drawn=first.drawn,
    )
    return [each.ends(row) for each, row in zip(statistics, pivots, strict=True)]
