"""For each picture the few others that might show the same, mirrored ones included."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from phoropter.look.neighbours import Neighbours, merged, nearest
from phoropter.look.registration import Prepared


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """The most alike others of each picture, by the layout of their edges.

    Args:
        rows: Shape (n, k), nearest first; -1 where there is none.
        flips: Shape (n, k): whether it is the mirror image that is alike.
    """

    rows: NDArray[np.int64]
    flips: NDArray[np.bool_]


def candidates(pictures: Prepared, count: int, *, seed: int) -> Candidates:
    """The `count` most alike others of each picture (n > count), plain or mirrored.

    Args:
        pictures: Prepared.
        count: How many for each.
        seed: Decides the cells of very large sets.
    """
    total = len(pictures.layouts)
    plain = nearest(pictures.layouts, pictures.layouts, count, seed=seed)
    mirror = nearest(pictures.layouts, pictures.mirrored_layouts, count, seed=seed)
    found = merged([plain, _labelled(mirror, total)], count, period=total)
    return Candidates(np.where(found.rows < 0, -1, found.rows % total), found.rows >= total)


def _labelled(near: Neighbours, total: int) -> Neighbours:
    """Neighbours of mirror images under numbers of their own."""
    return Neighbours(np.where(near.rows < 0, -1, near.rows + total), near.distances)
