"""Families of learning curves: error over training samples, fitted to a few points at once.

Every member is error = scale * shape(samples) + rest with scale >= 0. What is not linear runs over
a grid, so each fit is a weighted least squares problem of two numbers in closed form, for all
members and all resampled curves together.

Sources: power law with a rest, exponential, logarithm and inverse logarithm as in Viering and Loog,
"The shape of learning curves: a review", TPAMI 2023 (pow3, exp3, log2, ilog2), and Mohr, Viering
et al., "LCDB 1.0", ECML 2022; several families together, for each alone misleads: Mahmood et al.,
"How much more data do I need?", CVPR 2022.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

POWERS = np.geomspace(0.1, 1.6, 17)
"""Exponents; 0.07 to 0.35 was seen of deep networks (Hestness et al. 2017), 0.5 and 1 are theory's
for classes that overlap and that do not."""

USUAL_POWER = 0.3
"""The exponent believed most before a curve is seen."""

POWER_SPREAD = 0.6
"""Standard deviation of its logarithm."""

SCALES = np.geomspace(0.15, 4.0, 10)
"""Of exponentials, in units of the present number of samples."""


@dataclass(frozen=True, slots=True, eq=False)
class Members:
    """Curves up to scale and rest.

    Args:
        family: Number of the family in `FAMILIES`, shape (g,).
        prior: What each is believed before a curve is seen, shape (g,), sum 1.
        shapes: At the sizes asked for, shape (g, k).
        rested: Whether there may be a rest, shape (g,).
        signed: Whether the rest may be below zero (of curves that do not level off), shape (g,).
    """

    family: NDArray[np.int64]
    prior: Floats
    shapes: Floats
    rested: NDArray[np.bool_]
    signed: NDArray[np.bool_]


PRIOR = {
    "power law with a rest": 0.3,
    "power law": 0.5,
    "exponential": 0.05,
    "logarithm": 0.1,
    "inverse logarithm": 0.05,
}
"""What each family is believed before a curve is seen: power laws continue real curves best, and
exponentials, which level off too soon, worst (Mohr et al. 2022); so they did on the ten curves of
`benchmarks/forecasts.py` whose figures are not reported."""

FAMILIES = tuple(PRIOR)


@dataclass(frozen=True, slots=True, eq=False)
class Fits:
    """Least squares fits of every member to every curve.

    Args:
        scale: Shape (curves, g).
        rest: Shape (curves, g).
        misfit: Weighted sum of squared differences, shape (curves, g).
    """

    scale: Floats
    rest: Floats
    misfit: Floats


def members(sizes: Floats, *, present: float) -> Members:
    """All curves of the grid at these numbers of samples.

    Args:
        sizes: Shape (k,), more than 1.
        present: The number of samples there are, which shapes are relative to.
    """
    share = sizes / present
    power = share[None] ** -POWERS[:, None]
    exponential = np.exp(-share[None] / SCALES[:, None])
    logarithm = -np.log(share)[None]
    inverse = np.log(present) / np.log(sizes)[None]
    blocks = (power, power, exponential, logarithm, inverse)
    counts = [len(block) for block in blocks]
    family = np.repeat(np.arange(len(blocks)), counts)
    return Members(
        family=family,
        prior=_prior(counts),
        shapes=np.concatenate(blocks),
        rested=family != FAMILIES.index("power law"),
        signed=np.isin(family, [FAMILIES.index("logarithm"), FAMILIES.index("inverse logarithm")]),
    )


def _prior(counts: list[int]) -> Floats:
    """The families' shares, dealt out to members: powers by how usual they are, others evenly."""
    usual = np.exp(-0.5 * (np.log(POWERS / USUAL_POWER) / POWER_SPREAD) ** 2)
    dealt = [usual if count == len(POWERS) else np.ones(count) for count in counts]
    shares = zip(PRIOR.values(), dealt, strict=True)
    return np.concatenate([share * one / one.sum() for share, one in shares])


def fit(curves: Floats, known: Members, weights: Floats) -> Fits:
    """Fits every member to every curve.

    >>> sizes = np.array([100.0, 200.0, 400.0])
    >>> exact = 0.3 * (sizes / 400) ** -POWERS[3] + 0.1
    >>> fits = fit(exact[None], members(sizes, present=400), np.ones(3))
    >>> round(float(fits.scale[0, 3]), 6), round(float(fits.rest[0, 3]), 6)
    (0.3, 0.1)

    Args:
        curves: Errors, shape (curves, k).
        known: Members at the k sizes.
        weights: One over the variance of each error, shape (k,).
    """
    shapes = known.shapes
    total = weights.sum()
    first, second = shapes @ weights, shapes**2 @ weights
    level, moment = curves @ weights, curves @ (shapes * weights).T
    spread = total * second - first**2
    scale = (total * moment - first * level[:, None]) / np.maximum(spread, 1e-300)
    rest = (level[:, None] - scale * first) / total
    alone = ~known.rested | (~known.signed & (rest < 0))
    scale = np.where(alone, moment / second, scale)
    rest = np.where(alone, 0.0, rest)
    flat = scale < 0
    scale = np.where(flat, 0.0, scale)
    rest = np.where(flat & known.rested, level[:, None] / total, rest)
    misfit = (
        (curves**2 @ weights)[:, None]
        - 2 * (scale * moment + rest * level[:, None])
        + scale**2 * second
        + 2 * scale * rest * first
        + rest**2 * total
    )
    return Fits(scale, rest, np.maximum(misfit, 0.0))


def values(fits: Fits, known: Members) -> Floats:
    """The fitted errors at the sizes of `known`, shape (curves, g, k), in [0, 1]."""
    curves = fits.scale[:, :, None] * known.shapes[None] + fits.rest[:, :, None]
    return np.asarray(np.clip(curves, 0.0, 1.0))
