"""What twice and four times as much data would bring, by the scores that parts of it reach.

The curve's points are uncertain for two reasons: other validation samples (bootstrapped, all points
on the same draw), and other training samples of the same number (the spread of disjoint parts). So
many curves are drawn; to each, every member of every family is fitted, and one of them is drawn by
how well it fits. What these say of larger sizes is the forecast; its spread is that of samples and
families together.

Curves that rise where they should fall are not extrapolated: Yan, Mohr and Viering, "LCDB 1.1: a
database illustrating learning curves are more ill-behaved than previously thought", NeurIPS 2025.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from phoropter.comparison.learning_curve import FAMILIES, PRIOR, Floats, fit, members, values
from phoropter.core.forecasts import Forecast, Gain, Level
from phoropter.core.seed import generator

DRAWS = 1_000
TIMES = (2, 4)
LEVEL = 0.90
RISES_BY_CHANCE = 0.01  # of flat curves are called ill-behaved
LEAST_LEVELS = 3  # a line through two points is no curve
BELIEVED_DRAWS = 4  # that the variance over validation samples is worth, as one over trainings
LEAST_SPREAD = 0.25  # of the variance that samples judged independently would give


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


@dataclass(frozen=True, slots=True, eq=False)
class _Curve:
    """The points of a curve, from few samples to all, and how uncertain they are.

    Args:
        sizes: Shape (k,).
        errors: Shape (k,).
        draws: Models behind each, shape (k,).
        resampled: The same on other validation samples, less what moves all alike, (DRAWS, k).
        missing: Variance that other training samples bring and `resampled` lacks, shape (k,).
        variances: Of `errors` as points of a curve, shape (k,).
        ratio: Variance of one model's error over training samples, in units of error (1 - error).
    """

    sizes: Floats
    errors: Floats
    draws: NDArray[np.int64]
    resampled: Floats
    missing: Floats
    variances: Floats
    ratio: float


def forecast(trained: Trained, *, seed: int = 0) -> Forecast:
    """The learning curve and its continuation; no gains where it is ill-behaved or too short.

    Args:
        trained: Models on parts of the data.
        seed: Decides the draws.
    """
    curve = _curve(trained, seed)
    p_rise = rises_by_chance(curve.errors, curve.variances, seed=seed)
    behaved = p_rise >= RISES_BY_CHANCE
    levels = tuple(
        Level(float(size), float(error), int(draws))
        for size, error, draws in zip(curve.sizes, curve.errors, curve.draws, strict=True)
    )
    if not behaved or len(levels) < LEAST_LEVELS:
        return Forecast(levels, behaved, p_rise)
    gains, families = _extrapolated(curve, seed)
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


def _curve(trained: Trained, seed: int) -> _Curve:
    """The points with their noise."""
    order = np.unique(trained.levels)[::-1]
    member = trained.levels == order[:, None]
    draws = member.sum(axis=1)
    mean = member / draws[:, None]
    each = (trained.wrong * trained.weight).mean(axis=1)
    errors = mean @ each
    n = trained.wrong.shape[1]
    counts = generator(seed, "curve-samples").multinomial(n, np.full(n, 1 / n), size=DRAWS)
    weight = counts * trained.weight
    resampled = weight @ trained.wrong.T @ mean.T / weight.sum(axis=1, keepdims=True)
    resampled -= (resampled - errors).mean(axis=1, keepdims=True)
    possible = np.maximum(errors * (1 - errors), 1 / n)
    own = resampled.var(axis=0)
    ratio = _training_ratio(each, member, errors, possible, own * draws)
    ratio = max(ratio, LEAST_SPREAD / n)
    training = ratio * possible
    return _Curve(
        sizes=mean @ trained.sizes,
        errors=errors,
        draws=draws,
        resampled=resampled,
        missing=np.maximum(training / draws - own, 0.0),
        variances=np.maximum(training / draws, own),
        ratio=ratio,
    )


def _training_ratio(
    each: Floats,
    member: NDArray[np.bool_],
    errors: Floats,
    possible: Floats,
    resampled: Floats,
) -> float:
    """Variance of one model's error over training samples in units of `possible`, pooled.

    Models of one size differ by it, as far as several were drawn. Few do, so the estimate is drawn
    towards the variance over validation samples: where samples are judged independently of each
    other the two are alike, for both count the samples that models disagree on.
    """
    spare = float((member.sum(axis=1) - 1).sum())
    squares = sum(
        float(((each[here] - error) ** 2).sum()) / scale
        for here, error, scale in zip(member, errors, possible, strict=True)
    )
    alike = float(np.median(resampled / possible))
    return float((squares + BELIEVED_DRAWS * alike) / (spare + BELIEVED_DRAWS))


def _extrapolated(curve: _Curve, seed: int) -> tuple[tuple[Gain, ...], dict[str, float]]:
    """Gains for all `TIMES`, and how often each family was drawn."""
    draw = generator(seed, "curve-draws")
    present = float(curve.sizes[-1])
    noise = draw.standard_normal(curve.resampled.shape) * np.sqrt(curve.missing)
    drawn = curve.resampled + noise
    known = members(curve.sizes, present=present)
    fits = fit(drawn, known, 1 / curve.variances)
    sizes = np.array([1, *TIMES]) * present
    beyond = values(fits, members(sizes, present=present))
    prior = (np.array(list(PRIOR.values())) / np.bincount(known.family))[known.family]
    likely = prior * np.exp(-0.5 * (fits.misfit - fits.misfit.min(axis=1, keepdims=True)))
    likely = np.where(beyond[:, :, -1] > 0, likely, 1e-9 * likely)  # no curve crosses zero
    summed = np.cumsum(likely, axis=1)
    chosen = (summed < draw.random((len(drawn), 1)) * summed[:, -1:]).sum(axis=1)
    futures = beyond[np.arange(len(drawn)), chosen]
    families = np.bincount(known.family[chosen], minlength=len(FAMILIES)) / len(drawn)
    gains = tuple(_gain(curve, times, futures, place, draw) for place, times in enumerate(TIMES, 1))
    return gains, dict(zip(FAMILIES, families.tolist(), strict=True))


def _gain(
    curve: _Curve, times: int, futures: Floats, place: int, draw: np.random.Generator
) -> Gain:
    tails = [(1 - LEVEL) / 2, (1 + LEVEL) / 2]
    fall = futures[:, 0] - futures[:, place]
    low, high = np.quantile(fall, tails)
    expected = futures[:, place]
    spread = np.sqrt(curve.ratio * np.maximum(expected * (1 - expected), 1e-12))
    one = np.clip(expected + spread * draw.standard_normal(len(expected)), 0.0, 1.0)
    error_low, error_high = np.quantile(one, tails)
    return Gain(
        times=times,
        samples=round(times * float(curve.sizes[-1])),
        error=float(np.median(expected)),
        error_low=float(error_low),
        error_high=float(error_high),
        value=float(np.median(fall)),
        low=float(low),
        high=float(high),
    )
