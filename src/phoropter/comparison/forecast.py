"""What twice and four times as much data would bring, by the scores that parts of it reach.

The validation samples are the same for all points, so what makes the points uncertain are other
training samples of the same number: disjoint parts of a size differ by them. How likely that makes
every member of every family is what is believed of it; what these say of larger sizes, and what is
left there of the luck that present samples had, is the forecast, and its spread is that of training
samples and families together.

Curves that rise where they should fall are not extrapolated: Yan, Mohr and Viering, "LCDB 1.1: a
database illustrating learning curves are more ill-behaved than previously thought", NeurIPS 2025.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from phoropter.comparison.curve_noise import Curve, curve_of, lasting
from phoropter.comparison.learning_curve import (
    FAMILIES,
    MANY_CLASSES,
    Belief,
    Floats,
    members,
    posterior,
)
from phoropter.core.forecasts import Forecast, Gain, Level
from phoropter.core.seed import generator

DRAWS = 4_000
TIMES = (2, 4)
LEVEL = 0.90
RISES_BY_CHANCE = 0.01  # of flat curves are called ill-behaved
LEAST_LEVELS = 3  # a line through two points is no curve
LEAST_SPREAD = 0.25
"""Of the variance that samples judged independently of each other would give; less is luck."""


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """What models trained on parts of the data make of the same validation samples.

    Args:
        sizes: Training samples of each model, shape (r,).
        levels: Equal for models that count as trained on equally many, shape (r,); 0 for all.
        wrong: Loss of each model on each sample, in [0, 1]: 1 where it errs, shape (r, n).
        weight: Of each sample in the error, shape (n,), mean 1; equal for accuracy.
    """

    sizes: NDArray[np.int64]
    levels: NDArray[np.int64]
    wrong: Floats
    weight: Floats


def forecast(trained: Trained, *, belief: Belief = MANY_CLASSES, seed: int = 0) -> Forecast:
    """The learning curve and its continuation; no gains where it is ill-behaved or too short.

    Args:
        trained: Models on parts of the data.
        belief: Of curves, before this one is seen.
        seed: Decides the draws.
    """
    curve = seen_curve(trained)
    p_rise = rises_by_chance(curve.errors, curve.variances, seed=seed)
    behaved = p_rise >= RISES_BY_CHANCE
    levels = tuple(
        Level(float(size), float(error), int(draws))
        for size, error, draws in zip(curve.sizes, curve.errors, curve.draws, strict=True)
    )
    if not behaved or len(levels) < LEAST_LEVELS:
        return Forecast(levels, behaved, p_rise)
    gains, families = continued(curve, belief, seed=seed)
    return Forecast(levels, behaved, p_rise, gains, families)


def rises_by_chance(errors: Floats, variances: Floats, *, seed: int = 0) -> float:
    """Probability that a flat curve with this noise rises somewhere as clearly as this one does.

    The statistic is the largest rise from any point to a later one, in standard errors of that
    difference; flat curves are the least favourable of those that do not rise. That sizes share
    samples is left out, which makes this probability larger.

    >>> rises_by_chance(np.array([0.3, 0.2, 0.1]), np.full(3, 1e-4))
    1.0
    >>> rises_by_chance(np.array([0.1, 0.2, 0.3]), np.full(3, 1e-4))
    0.0

    Args:
        errors: From few samples to many, shape (k,).
        variances: Of each, independent, shape (k,).
        seed: Decides the simulated curves.
    """
    if len(errors) < 2:
        return 1.0
    early, late = np.triu_indices(len(errors), 1)
    deviation = np.sqrt(variances[early] + variances[late])

    def steepest(curves: Floats) -> Floats:
        return np.asarray(((curves[..., late] - curves[..., early]) / deviation).max(axis=-1))

    seen = float(steepest(errors))
    if seen <= 0:
        return 1.0
    noise = generator(seed, "flat-curves").standard_normal((10_000, len(errors)))
    return float(np.mean(steepest(noise * np.sqrt(variances)) >= seen))


def seen_curve(trained: Trained) -> Curve:
    """The points of the curve with their noise.

    Args:
        trained: Models on parts of the data.
    """
    order = np.unique(trained.levels)[::-1]
    member = trained.levels == order[:, None]
    mean = member / member.sum(axis=1)[:, None]
    each = (trained.wrong * trained.weight).mean(axis=1)
    n = trained.wrong.shape[1]
    base = max(_independent(trained, mean, mean @ each), LEAST_SPREAD / n)
    return curve_of(mean @ trained.sizes, [each[here] for here in member], base=base, floor=1 / n)


def _independent(trained: Trained, mean: Floats, errors: Floats) -> float:
    """Variance of one model's error in units of error (1 - error), were samples independent.

    On a sample, models of one size differ from the mean of all sizes by some amount; if that has
    nothing to do with other samples, the variance of the error is the sum of the squares.
    """
    n = trained.wrong.shape[1]
    apart = mean @ trained.wrong
    apart -= apart.mean(axis=0)
    apart -= (apart * trained.weight).mean(axis=1, keepdims=True)
    own = ((apart * trained.weight) ** 2).mean(axis=1) / n
    draws = 1 / (mean**2).sum(axis=1)
    return float(np.median(own * draws / np.maximum(errors * (1 - errors), 1 / n)))


def continued(
    curve: Curve, belief: Belief, *, seed: int = 0
) -> tuple[tuple[Gain, ...], dict[str, float]]:
    """Gains for all `TIMES`, and what is believed of each family.

    Args:
        curve: That does not rise.
        belief: Of curves, before this one is seen.
        seed: Decides the draws.
    """
    draw = generator(seed, "curve-draws")
    now = float(curve.sizes[-1])
    beyond = np.array(TIMES) * now
    known = members(curve.sizes, present=now, belief=belief)
    apart = belief.departure * np.log2(now / curve.sizes) * curve.errors
    covariance = curve.covariance() + np.diag(apart**2)
    found = posterior(curve.errors, covariance, known)
    chosen = draw.choice(len(found.weight), DRAWS, p=found.weight)
    present = found.present[chosen] + found.deviation[chosen] * draw.standard_normal(DRAWS)
    present = np.clip(present, 0.0, 1.0)
    shapes = members(beyond, present=now, belief=belief).shapes[chosen]
    away = 1 + belief.departure * np.log2(TIMES) * draw.standard_normal((DRAWS, 1))
    futures = np.clip(present[:, None] * shapes * away, 0.0, 1.0)
    luck = curve.errors - present[:, None] * known.shapes[chosen]
    weights, left = lasting(curve, covariance, beyond)
    deviation = np.sqrt(curve.noise.variance(futures, beyond, floor=1e-12))
    expected = np.clip(futures + luck @ weights * deviation, 0.0, 1.0)
    one = expected + np.sqrt(left) * deviation * draw.standard_normal(expected.shape)
    gains = tuple(
        _gain(round(times * now), times, present - futures[:, at], expected[:, at], one[:, at])
        for at, times in enumerate(TIMES)
    )
    families = np.bincount(known.family, found.weight, len(FAMILIES))
    return gains, dict(zip(FAMILIES, families.tolist(), strict=True))


def _gain(samples: int, times: int, fall: Floats, expected: Floats, one: Floats) -> Gain:
    tails = [(1 - LEVEL) / 2, (1 + LEVEL) / 2]
    low, high = np.quantile(fall, tails)
    error_low, error_high = np.quantile(np.clip(one, 0.0, 1.0), tails)
    return Gain(
        times=times,
        samples=samples,
        error=float(np.median(expected)),
        error_low=float(error_low),
        error_high=float(error_high),
        value=float(np.median(fall)),
        low=float(low),
        high=float(high),
    )
