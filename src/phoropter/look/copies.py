"""Which pictures are copies of each other, by a threshold learnt from the data themselves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from phoropter.look.neighbours import Neighbours

FALSE_ALARMS = 0.01
"""Copies expected to be found in a whole set that has none."""

LARGEST_FAMILY = 6
"""A picture and up to five copies of it are recognised as one family."""

NEIGHBOURS = 20
"""Neighbours looked at: the family, and enough strangers beyond it to learn their spacing."""

STRANGER = 10
"""The neighbour (1 is the nearest) that is surely no copy, being outside of any family."""

SMALLEST_SET = 2 * NEIGHBOURS


@dataclass(frozen=True, slots=True, eq=False)
class CopyRule:
    """How near is near, as learnt from one data set.

    Args:
        dimension: Dimension of the space that the pictures fill, locally; a low estimate.
        ratio: A copy is nearer than this times the distance to the next stranger.
        distance: And nearer than this, which 99 % of the pictures' strangers are not.
    """

    dimension: float
    ratio: float
    distance: float


@dataclass(frozen=True, slots=True, eq=False)
class Copies:
    """Pairs of rows that show the same picture.

    Args:
        pairs: Shape (p, 2), int64, first < second, nearest pair first.
        distances: Shape (p,).
        rule: What was applied, or None where the set is too small to learn it from.
    """

    pairs: NDArray[np.int64]
    distances: NDArray[np.float64]
    rule: CopyRule | None


NO_COPIES = Copies(np.zeros((0, 2), dtype=np.int64), np.zeros(0), None)


def learn_rule(near: Neighbours) -> CopyRule:
    """The rule that finds next to nothing in a set without copies.

    Among pictures that are no copies, neighbours are spread locally like a Poisson process in m
    dimensions, and then the ratio of the distances to the j-th and the next neighbour satisfies
    P(d_j / d_(j+1) < r) = r^(j m) <= r^m: the j m log(d_(j+1) / d_j) are independent and
    exponential. The ratio is set where this, times all the gaps looked at, gives `FALSE_ALARMS` in
    the whole set. m is estimated for each picture from the gaps between strangers, beyond a family
    (maximum likelihood). The lower third of these is used, not the middle, so that pictures on a
    thin manifold (handwritten ones, frames of a film) are not taken for copies.

    Sources: Levina and Bickel, "Maximum likelihood estimation of intrinsic dimension", NIPS 2004;
    Facco et al., "Estimating the intrinsic dimension of datasets by a minimal neighborhood
    information", Scientific Reports 2017.

    Args:
        near: At least `STRANGER` + 2 neighbours of each picture.
    """
    distances = np.maximum(near.distances, 1e-6)
    rank = LARGEST_FAMILY - 1
    spacing = np.log(distances[:, rank + 1 :] / distances[:, rank:-1])
    spacing *= np.arange(rank + 1, distances.shape[1])
    dimension = (spacing.shape[1] - 1) / np.maximum(spacing.sum(axis=1), 1e-6)
    low = float(np.quantile(dimension, 1 / 3))
    gaps = len(distances) * rank
    return CopyRule(
        dimension=low,
        ratio=float((FALSE_ALARMS / gaps) ** (1 / low)),
        distance=float(np.quantile(distances[:, STRANGER - 1], 0.01)),
    )


def find_copies(near: Neighbours) -> Copies:
    """The pairs that the rule learnt from `near` calls copies.

    For each picture the widest family is taken: the largest j for which the j nearest are set
    off from the rest by the learnt ratio.

    >>> rng = np.random.default_rng(0)
    >>> points = rng.normal(size=(200, 8)).astype(np.float32)
    >>> points[7] = points[3] + 1e-4
    >>> from phoropter.look.neighbours import vector_neighbours
    >>> find_copies(vector_neighbours(points, NEIGHBOURS, seed=0)).pairs.tolist()
    [[3, 7]]
    """
    if len(near.distances) < SMALLEST_SET:
        return NO_COPIES
    rule = learn_rule(near)
    rank = LARGEST_FAMILY - 1
    members = near.distances[:, :rank]
    beyond = near.distances[:, 1 : rank + 1]
    set_off = (members < rule.ratio * beyond) & (members < rule.distance)
    family = np.where(set_off.any(axis=1), rank - np.argmax(set_off[:, ::-1], axis=1), 0)
    row, position = np.nonzero(np.arange(rank) < family[:, None])
    return _unique(
        np.sort(np.stack([row, near.rows[row, position]], axis=1), axis=1),
        near.distances[row, position],
        rule,
    )


def united(first: Copies, second: Copies) -> Copies:
    """The pairs of both, those of the first (nearest first) before what only the second has."""
    pairs = np.concatenate([first.pairs, second.pairs])
    distances = np.concatenate([first.distances, second.distances])
    _, kept = np.unique(pairs, axis=0, return_index=True)
    kept.sort()
    return Copies(pairs[kept], distances[kept], first.rule)


def _unique(
    pairs: NDArray[np.int64], distances: NDArray[np.float64], rule: CopyRule | None
) -> Copies:
    order = np.argsort(distances, kind="stable")
    pairs, distances = pairs[order], distances[order]
    _, first = np.unique(pairs, axis=0, return_index=True)
    first.sort()
    return Copies(pairs[first], distances[first], rule)
