"""Which training samples a learning curve is measured on: nested parts that look like the whole."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from phoropter.core.records import Rows
from phoropter.core.seed import generator


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """Some of the training samples.

    Args:
        level: Their share of all, as a number of halvings: 3 is an eighth.
        draw: Which block of that size, from 0; blocks of one level share no sample.
        chosen: Positions among the training samples, ascending, shape (m,).
    """

    level: int
    draw: int
    chosen: Rows


def nested_blocks(
    strata: NDArray[np.int64],
    units: NDArray[np.int64],
    *,
    halvings: int,
    draws: int,
    seed: int,
) -> tuple[Block, ...]:
    """Blocks of 1/2, 1/4, ... of the samples, each made of two blocks of the level below.

    Every block holds its share of every class as nearly as whole samples allow, and units (copies,
    groups) are never divided. Blocks of one level are disjoint, so that their scores differ as
    those of models trained on different samples do.

    >>> blocks = nested_blocks(np.zeros(8, int), np.arange(8), halvings=2, draws=2, seed=0)
    >>> [(block.level, block.draw, len(block.chosen)) for block in blocks]
    [(2, 0, 2), (2, 1, 2), (1, 0, 4), (1, 1, 4)]

    Args:
        strata: Class (or range of the target) of each sample, shape (n,).
        units: Equal where samples belong together, shape (n,).
        halvings: Of the smallest blocks.
        draws: At most so many blocks of a level.
        seed: Decides the draw.
    """
    order = _spread_order(strata, units, seed=seed)
    blocks = []
    for level in range(halvings, 0, -1):
        ends = _ends(order, units, parts=2**level)
        for draw in range(min(draws, 2**level)):
            chosen = np.sort(order[ends[draw] : ends[draw + 1]])
            if len(chosen):
                blocks.append(Block(level, draw, chosen))
    return tuple(blocks)


def _spread_order(
    strata: NDArray[np.int64], units: NDArray[np.int64], *, seed: int
) -> NDArray[np.int64]:
    """All samples, units together, so ordered that each stretch has its share of each class."""
    _, first, unit = np.unique(units, return_index=True, return_inverse=True)
    draw = generator(seed, "nested-blocks")
    place = np.empty(len(first))
    for stratum in np.unique(strata[first]):
        members = draw.permutation(np.flatnonzero(strata[first] == stratum))
        place[members] = (np.arange(len(members)) + draw.random()) / len(members)
    place = place.argsort(kind="stable").argsort(kind="stable").astype(np.float64)
    return np.asarray(np.argsort(place[unit], kind="stable"))


def _ends(order: NDArray[np.int64], units: NDArray[np.int64], *, parts: int) -> NDArray[np.int64]:
    """Where each of the `parts` stretches begins, and the end, moved to the ends of units."""
    change = np.flatnonzero(np.diff(units[order])) + 1
    allowed = np.concatenate([[0], change, [len(order)]])
    wanted = np.arange(parts + 1) * len(order) / parts
    return np.asarray(allowed[np.abs(allowed[None] - wanted[:, None]).argmin(axis=1)])
