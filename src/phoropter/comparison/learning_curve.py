"""Families of learning curves, and what a few noisy points make of them.

Every member is error = present error * shape(samples / present samples); shapes are 1 at the
present. What a shape has besides runs over a grid and is believed more or less before any curve is
seen; the present error is not, so that it comes from a weighted least squares problem of one number
in closed form, and the whole is Bayesian inference without any sampling.

Sources: power law with a rest, exponential, logarithm and inverse logarithm as in Viering and Loog,
"The shape of learning curves: a review", TPAMI 2023 (pow3, exp3, log2, ilog2), and Mohr, Viering
et al., "LCDB 1.0", ECML 2022; several families together, for each alone misleads: Mahmood et al.,
"How much more data do I need?", CVPR 2022; beliefs over parameters and families: Domhan,
Springenberg and Hutter, "Speeding up automatic hyperparameter optimization of deep neural networks
by extrapolation of learning curves", IJCAI 2015.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

POWERS = np.geomspace(0.05, 2.0, 41)
"""Exponents; 0.07 to 0.35 was seen of deep networks (Hestness et al. 2017), 0.5 and 1 are theory's
for classes that overlap and that do not."""

RESTS = np.linspace(0.05, 0.95, 10)
"""Shares of the present error that no data would remove."""

SCALES = np.geomspace(0.15, 4.0, 10)
"""Of exponentials, in units of the present number of samples."""

FALLS = np.geomspace(0.02, 0.5, 10)
"""Of logarithms: share of the present error for each e-fold of the samples."""

FAMILIES = (
    "power law with a rest",
    "power law",
    "exponential",
    "logarithm",
    "inverse logarithm",
)


@dataclass(frozen=True, slots=True)
class Belief:
    """What is believed of curves before one is seen.

    Args:
        power: The exponent believed most.
        spread: Standard deviation of its logarithm.
        restless: Share of the power laws that fall to zero.
        others: Belief in the families that are no power laws, together: these continue curves
            worse (Mohr et al. 2022).
        departure: By how much real curves leave every member, as a share of the error for each
            halving or doubling from the present.
        small: How much more small rests are believed than large ones: as a beta distribution of
            1 and 1 + `small` has it; 0 for all alike.
    """

    power: float = 0.3
    spread: float = 0.6
    restless: float = 0.5
    others: float = 0.3
    departure: float = 0.03
    small: float = 2.0


MANY_CLASSES = Belief()
"""Exponents of the literature; with many classes most of the error can still be learnt away."""

TWO_CLASSES = Belief(power=0.7, spread=1.0, restless=0.33, others=0.1, small=0.0)
"""Two classes overlap for ever: curves level off, and then as theory has it, by 0.5 to 1."""


def usual(classes: int) -> Belief:
    """What is believed of curves of problems with so many classes.

    Chosen on curves of public tables, none of which the figures of this project are reported on
    (`benchmarks/beliefs.py`).
    """
    return TWO_CLASSES if classes <= 2 else MANY_CLASSES


@dataclass(frozen=True, slots=True, eq=False)
class Members:
    """Curves up to the present error.

    Args:
        family: Number of the family in `FAMILIES`, shape (g,).
        prior: What each is believed before a curve is seen, shape (g,), sum 1.
        shapes: At the sizes asked for, 1 at the present, shape (g, k).
    """

    family: NDArray[np.int64]
    prior: Floats
    shapes: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Posterior:
    """What is believed of the members once a curve was seen.

    Args:
        weight: Of each member, shape (g,), sum 1.
        present: Mean of the present error, if it is this member, shape (g,).
        deviation: Its standard deviation, shape (g,).
    """

    weight: Floats
    present: Floats
    deviation: Floats


def members(sizes: Floats, *, present: float, belief: Belief = MANY_CLASSES) -> Members:
    """All curves of the grid at these numbers of samples.

    Args:
        sizes: Shape (k,), more than 1.
        present: The number of samples there are, which shapes are relative to.
        belief: Before a curve is seen.
    """
    share = sizes / present
    power = share[None] ** -POWERS[:, None]
    rest = RESTS[:, None, None]
    exponential = np.exp((1 - share[None]) / SCALES[:, None])
    logarithm = np.maximum(1 - FALLS[:, None] * np.log(share)[None], 0.0)
    inverse = (np.log(present) / np.log(sizes))[None]
    with_rests = [
        (rest + (1 - rest) * block).reshape(-1, len(sizes)) for block in (power, exponential)
    ]
    blocks = (with_rests[0], power, with_rests[1], logarithm, inverse)
    return Members(
        family=np.repeat(np.arange(len(blocks)), [len(block) for block in blocks]),
        prior=_prior(belief),
        shapes=np.concatenate(blocks),
    )


def _prior(belief: Belief) -> Floats:
    """The families' shares, dealt out to members: powers by how usual they are, others evenly."""
    usual = np.exp(-0.5 * (np.log(POWERS / belief.power) / belief.spread) ** 2)
    rest = (1 - RESTS) ** belief.small
    lawful = 1 - belief.others
    dealt = (
        (lawful * (1 - belief.restless), np.outer(rest, usual)),
        (lawful * belief.restless, usual),
        (belief.others / 4, np.outer(rest, np.ones(len(SCALES)))),
        (belief.others / 2, np.ones(len(FALLS))),
        (belief.others / 4, np.ones(1)),
    )
    return np.concatenate([share * np.ravel(one) / one.sum() for share, one in dealt])


def posterior(errors: Floats, covariance: Floats, known: Members) -> Posterior:
    """Bayes' rule for normal noise, every present error as likely as any other before.

    >>> sizes = np.array([100.0, 200.0, 400.0])
    >>> exact = 0.3 * (sizes / 400) ** -POWERS[10]
    >>> found = posterior(exact, 1e-8 * np.eye(3), members(sizes, present=400))
    >>> round(float(found.weight @ found.present), 3)
    0.3

    Args:
        errors: Shape (k,).
        covariance: Of their noise, shape (k, k).
        known: Members at the k sizes.
    """
    root = np.linalg.cholesky(covariance)
    shapes = np.linalg.solve(root, known.shapes.T).T
    seen = np.linalg.solve(root, errors)
    precision = (shapes**2).sum(axis=1)
    present = shapes @ seen / precision
    misfit = ((seen - present[:, None] * shapes) ** 2).sum(axis=1)
    likely = np.log(known.prior) - 0.5 * (misfit + np.log(precision))
    weight = np.exp(likely - likely.max())
    return Posterior(weight / weight.sum(), present, 1 / np.sqrt(precision))
