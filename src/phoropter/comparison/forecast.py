"""What twice and four times as much data would bring, by the scores that parts of it reach.

The validation samples are the same for all points, so what makes the points uncertain are other
training samples of the same number: disjoint parts of a size differ by them. How likely that makes
every member of every family is what is believed of it; what these say of larger sizes is the
forecast, and its spread is that of training samples and families together.

Curves that rise where they should fall are not extrapolated: Yan, Mohr and Viering, "LCDB 1.1: a
database illustrating learning curves are more ill-behaved than previously thought", NeurIPS 2025.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

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
EXCESS = 6.0
"""By how much more models on the fewest samples differ than samples judged independently explain,
before it is measured; it halves when the samples double. Seen on ten curves of six data sets whose
figures are not reported (`benchmarks/forecasts.py`): 10, 3, 1.6 and 0.6 times at 1/32, 1/16, an
eighth and half of the samples."""
BELIEVED = 2.0
"""Degrees of freedom that this is worth against what disjoint parts show."""


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


@dataclass(frozen=True, slots=True)
class _Noise:
    """Variance of one model's error over training samples of a given number.

    It is `base` * error (1 - error) * (1 + `excess` * `least` / size).

    Args:
        base: What samples that models of two sizes judge independently of each other explain.
        excess: What comes on top of it at `least` samples, as a share of it.
        least: Samples of the smallest parts.
    """

    base: float
    excess: float
    least: float

    def variance(self, errors: Floats, sizes: Floats | float, *, floor: float) -> Floats:
        """At these errors and training samples; `floor` bounds error (1 - error) from below."""
        possible = np.maximum(errors * (1 - errors), floor)
        return np.asarray(self.base * possible * (1 + self.excess * self.least / sizes))


@dataclass(frozen=True, slots=True, eq=False)
class _Curve:
    """The points of a curve, from few samples to all, and how uncertain they are.

    Args:
        sizes: Shape (k,).
        errors: Shape (k,).
        draws: Models behind each, shape (k,).
        variances: Of `errors`, over training samples, shape (k,).
        noise: Of one model.
    """

    sizes: Floats
    errors: Floats
    draws: NDArray[np.int64]
    variances: Floats
    noise: _Noise


def forecast(trained: Trained, *, belief: Belief = MANY_CLASSES, seed: int = 0) -> Forecast:
    """The learning curve and its continuation; no gains where it is ill-behaved or too short.

    Args:
        trained: Models on parts of the data.
        belief: Of curves, before this one is seen.
        seed: Decides the draws.
    """
    curve = _curve(trained)
    p_rise = rises_by_chance(curve.errors, curve.variances, seed=seed)
    behaved = p_rise >= RISES_BY_CHANCE
    levels = tuple(
        Level(float(size), float(error), int(draws))
        for size, error, draws in zip(curve.sizes, curve.errors, curve.draws, strict=True)
    )
    if not behaved or len(levels) < LEAST_LEVELS:
        return Forecast(levels, behaved, p_rise)
    gains, families = _extrapolated(curve, belief, seed)
    return Forecast(levels, behaved, p_rise, gains, families)


def rises_by_chance(errors: Floats, variances: Floats, *, seed: int = 0) -> float:
    """Probability that a flat curve with this noise rises somewhere as clearly as this one does.

    The statistic is the largest rise from any point to a later one, in standard errors of that
    difference; flat curves are the least favourable of those that do not rise.

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


def _curve(trained: Trained) -> _Curve:
    """The points with their noise."""
    order = np.unique(trained.levels)[::-1]
    member = trained.levels == order[:, None]
    draws = member.sum(axis=1)
    mean = member / draws[:, None]
    sizes, n = mean @ trained.sizes, trained.wrong.shape[1]
    each = (trained.wrong * trained.weight).mean(axis=1)
    errors = mean @ each
    base = max(_independent(trained, mean, errors), LEAST_SPREAD / n)
    squares = np.array(
        [((each[here] - error) ** 2).sum() for here, error in zip(member, errors, strict=True)]
    )
    squares /= base * np.maximum(errors * (1 - errors), 1 / n)
    noise = _Noise(base, _excess(squares, draws - 1, sizes[0] / sizes), float(sizes[0]))
    variances = noise.variance(errors, sizes, floor=1 / n) / draws
    return _Curve(sizes, errors, draws, variances, noise)


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


def _excess(squares: Floats, freedom: NDArray[np.int64], share: Floats) -> float:
    """The excess of the smallest size by moments, drawn towards `EXCESS`.

    Args:
        squares: Of the models' differences from the mean of their size, in units of the variance
            that independent samples give, shape (k,).
        freedom: Degrees of freedom of each, shape (k,).
        share: Samples of the smallest size over those of each, shape (k,).
    """
    seen = float((squares - freedom).sum()) + BELIEVED * EXCESS
    return max(seen / (float(freedom @ share) + BELIEVED), 0.0)


def _extrapolated(
    curve: _Curve, belief: Belief, seed: int
) -> tuple[tuple[Gain, ...], dict[str, float]]:
    """Gains for all `TIMES`, and what is believed of each family."""
    draw = generator(seed, "curve-draws")
    now = float(curve.sizes[-1])
    known = members(curve.sizes, present=now, belief=belief)
    apart = belief.departure * np.log2(now / curve.sizes) * curve.errors
    found = posterior(curve.errors, curve.variances + apart**2, known)
    chosen = draw.choice(len(found.weight), DRAWS, p=found.weight)
    present = found.present[chosen] + found.deviation[chosen] * draw.standard_normal(DRAWS)
    present = np.clip(present, 0.0, 1.0)
    beyond = members(np.array(TIMES) * now, present=now, belief=belief).shapes[chosen]
    away = 1 + belief.departure * np.log2(TIMES) * draw.standard_normal((DRAWS, 1))
    futures = np.clip(present[:, None] * beyond * away, 0.0, 1.0)
    gains = tuple(
        _gain(curve, times, present, future, draw)
        for times, future in zip(TIMES, futures.T, strict=True)
    )
    families = np.bincount(known.family, found.weight, len(FAMILIES))
    return gains, dict(zip(FAMILIES, families.tolist(), strict=True))


def _gain(
    curve: _Curve, times: int, present: Floats, expected: Floats, draw: np.random.Generator
) -> Gain:
    tails = [(1 - LEVEL) / 2, (1 + LEVEL) / 2]
    fall = present - expected
    low, high = np.quantile(fall, tails)
    size = times * float(curve.sizes[-1])
    spread = np.sqrt(curve.noise.variance(expected, size, floor=1e-12))
    one = np.clip(expected + spread * draw.standard_normal(len(expected)), 0.0, 1.0)
    error_low, error_high = np.quantile(one, tails)
    return Gain(
        times=times,
        samples=round(size),
        error=float(np.median(expected)),
        error_low=float(error_low),
        error_high=float(error_high),
        value=float(np.median(fall)),
        low=float(low),
        high=float(high),
    )
