"""Rows that belong together: the unit that is drawn, held out and permuted as one."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray


def joined(count: int, links: NDArray[np.int64]) -> NDArray[np.int64]:
    """The connected component of each of `count` rows, shape (count,); links have shape (p, 2).

    >>> joined(4, np.array([[0, 2], [2, 3]])).tolist()
    [0, 1, 0, 0]
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    ones = np.ones(len(links), dtype=np.int8)
    graph = coo_array((ones, (links[:, 0], links[:, 1])), shape=(count, count))
    _, component = connected_components(graph, directed=False)
    return np.asarray(component, dtype=np.int64)


def links(numbers: NDArray[np.int64]) -> NDArray[np.int64]:
    """Ties between rows (n,) of one number, as `joined` takes them; negative numbers tie nothing.

    >>> links(np.array([3, -1, 3, -1, 3])).tolist()
    [[0, 2], [2, 4]]
    """
    order = np.argsort(numbers, kind="stable")
    order = order[numbers[order] >= 0]
    same = numbers[order[1:]] == numbers[order[:-1]]
    return np.asarray(np.stack([order[:-1], order[1:]], axis=1)[same], dtype=np.int64)


def first_of_each(count: int, groups: Iterable[NDArray[np.int64]]) -> NDArray[np.bool_]:
    """A mask of `count` rows without the second and later members of each group.

    >>> first_of_each(4, [np.array([1, 3])]).tolist()
    [True, True, True, False]
    """
    kept = np.ones(count, dtype=bool)
    for rows in groups:
        kept[rows[1:]] = False
    return kept


def several(numbers: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """The rows of each number (n,) that more than one row has, largest family first.

    >>> [rows.tolist() for rows in several(np.array([7, 3, 7, 5, 3, 7]))]
    [[0, 2, 5], [1, 4]]
    """
    order = np.argsort(numbers, kind="stable")
    parts = np.split(order, np.flatnonzero(np.diff(numbers[order])) + 1)
    return sorted((rows for rows in parts if len(rows) > 1), key=lambda rows: (-len(rows), rows[0]))
