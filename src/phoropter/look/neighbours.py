"""Nearest neighbours of every row among all others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import NDArray

from phoropter.core.seed import generator
from phoropter.look.components import principal
from phoropter.look.detail import blocks

WHOLE_SEARCH_ROWS = 10_000
"""Up to here every pair is compared; the cost is quadratic. Beyond, rows are compared within cells
of similar ones, which costs n times the rows of the cells that are looked into."""

CELL_ROWS = 1_000
CELLS_PROBED = 6

FEATURE_DIMENSIONS = 256

FITTED_ROWS = 20_000
"""Rows whose principal components are those of all, where there are too many to hold at once."""

Vectors = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Neighbours:
    """The nearest others of each row, nearest first.

    Args:
        rows: Shape (n, k), positions of the neighbours.
        distances: Shape (n, k), Euclidean.
    """

    rows: NDArray[np.int64]
    distances: NDArray[np.float64]


def picture_vectors(thumbnails: NDArray[np.uint8]) -> tuple[Vectors, NDArray[np.bool_]]:
    """Thumbnails (n, h, w) as unit vectors (n, h * w), and which of them show anything at all.

    The mean is taken off and the length set to one, so that the squared distance of two vectors is
    2 - 2r with r the correlation of the two pictures: a change of brightness or contrast is no
    distance. A picture whose grey levels vary by less than two (standard deviation, of 255) is
    flat: its correlation with anything is rounding noise.
    """
    vectors = thumbnails.reshape(len(thumbnails), prod(thumbnails.shape[1:])).astype(np.float32)
    vectors -= vectors.mean(axis=1, keepdims=True)
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    shows = length[:, 0] >= 2.0 * np.sqrt(vectors.shape[1])
    vectors /= np.maximum(length, 1e-6)
    return vectors, shows


def shows_something(thumbnails: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Which of the thumbnails (n, h, w) are more than one flat colour, see `picture_vectors`."""
    parts = [picture_vectors(thumbnails[part])[1] for part in blocks(len(thumbnails))]
    return np.concatenate(parts) if parts else np.zeros(0, dtype=np.bool_)


def vector_neighbours(vectors: Vectors, count: int, *, seed: int) -> Neighbours:
    """The `count` nearest rows of each row of `vectors` (n, d), n > count."""
    wanted = min(count, len(vectors) - 1)
    return merged([nearest(vectors, vectors, wanted, seed=seed)], wanted, period=len(vectors))


def unit_vectors(features: Vectors, *, seed: int, most: int = FEATURE_DIMENSIONS) -> Vectors:
    """Features (n, d) scaled to length one, turned into their first principal components.

    Distances between unit vectors rank like the cosine. Beyond `most` components
    only speed is lost.
    """
    length = np.linalg.norm(features, axis=1, keepdims=True)
    units = np.asarray(features / np.maximum(length, 1e-12), dtype=np.float32)
    if min(units.shape) <= most:
        return units
    reduction = principal(units, most, seed=seed, name="unit")
    return np.asarray(reduction.transform(units), dtype=np.float32)


def fitted_units(
    describe: Callable[[NDArray[np.int64]], Vectors], count: int, *, seed: int
) -> Callable[[NDArray[np.int64]], Vectors]:
    """As `unit_vectors`, of so many rows that they cannot be described at once.

    Args:
        describe: Gives the features (m, d) of some of `count` rows.
        count: How many rows there are.
        seed: Draws the `FITTED_ROWS` rows whose principal components are taken.

    Returns:
        Gives the reduced vectors of some rows.
    """

    def units(rows: NDArray[np.int64]) -> Vectors:
        features = describe(rows)
        length = np.linalg.norm(features, axis=1, keepdims=True)
        return np.asarray(features / np.maximum(length, 1e-12), dtype=np.float32)

    drawn = generator(seed, "fitted-units").choice(count, min(FITTED_ROWS, count), replace=False)
    sample = units(np.sort(drawn))
    if min(sample.shape) <= FEATURE_DIMENSIONS:
        return units
    reduction = principal(sample, FEATURE_DIMENSIONS, seed=seed, name="unit")
    return lambda rows: np.asarray(reduction.transform(units(rows)), dtype=np.float32)


def nearest(vectors: Vectors, queries: Vectors, count: int, *, seed: int) -> Neighbours:
    """The `count` + 1 rows of `vectors` nearest to each query, itself probably among them.

    Where a cell holds too few, the row is -1 and the distance infinite.
    """
    if len(vectors) <= WHOLE_SEARCH_ROWS:
        return _brute(vectors, queries, count + 1)
    return _by_cells(vectors, queries, count + 1, seed=seed)


def _brute(vectors: Vectors, queries: Vectors, count: int) -> Neighbours:
    from sklearn.neighbors import NearestNeighbors

    search = NearestNeighbors(n_neighbors=min(count, len(vectors)), algorithm="brute").fit(vectors)
    distances, rows = search.kneighbors(queries)
    return Neighbours(rows.astype(np.int64), distances.astype(np.float64))


def _by_cells(vectors: Vectors, queries: Vectors, count: int, *, seed: int) -> Neighbours:
    """Compares each query with the cells of its few nearest centres (an inverted file).

    Centres are rows drawn at random. A copy lies so close to its original that they share a cell
    unless a border runs between them, and then probing the next nearest cells finds it.
    Source: Jegou, Douze, Schmid, "Product quantization for nearest neighbor search", 2011, IVF.
    """
    centres = generator(seed, "cells").choice(len(vectors), len(vectors) // CELL_ROWS, False)
    home = _brute(vectors[centres], vectors, 1).rows[:, 0]
    probes = _brute(vectors[centres], queries, CELLS_PROBED).rows
    rows = np.full((len(queries), CELLS_PROBED, count), -1, dtype=np.int64)
    distances = np.full(rows.shape, np.inf)
    for cell in range(len(centres)):
        members = np.flatnonzero(home == cell)
        asking, slot = np.nonzero(probes == cell)
        if not len(members) or not len(asking):
            continue
        near = _brute(vectors[members], queries[asking], count)
        width = near.rows.shape[1]
        rows[asking, slot, :width] = members[near.rows]
        distances[asking, slot, :width] = near.distances
    found = Neighbours(rows.reshape(len(queries), -1), distances.reshape(len(queries), -1))
    for block in blocks(len(queries)):
        found.distances[block], found.rows[block] = _sorted_pairs(
            found.distances[block], found.rows[block]
        )
    return Neighbours(found.rows[:, :count].copy(), found.distances[:, :count].copy())


def merged(parts: list[Neighbours], count: int, *, period: int) -> Neighbours:
    """The nearest `count` of several lists, without the row itself and without repeats.

    Numbers that differ by a multiple of `period` mean the same row.
    """
    total = len(parts[0].rows)
    rows = np.empty((total, count), dtype=np.int64)
    distances = np.empty((total, count))
    for block in blocks(total):
        rows[block], distances[block] = _merged_block(parts, block, count, period)
    return Neighbours(rows, distances)


def _merged_block(
    parts: list[Neighbours], block: slice, count: int, period: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    distances, rows = _sorted_pairs(
        np.concatenate([part.distances[block] for part in parts], axis=1),
        np.concatenate([part.rows[block] for part in parts], axis=1),
    )
    same = rows % period
    same[~np.isfinite(distances)] = -1
    by_row = np.argsort(same, axis=1, kind="stable")  # nearest first among equals
    ordered = np.take_along_axis(same, by_row, axis=1)
    repeats = np.zeros(rows.shape, dtype=bool)
    repeats[:, 1:] = ordered[:, 1:] == ordered[:, :-1]
    unwanted = np.zeros(rows.shape, dtype=bool)
    np.put_along_axis(unwanted, by_row, repeats, axis=1)
    unwanted |= same == np.arange(block.start, block.stop)[:, None]
    unwanted |= same < 0
    distances[unwanted], rows[unwanted] = np.inf, -1
    distances, rows = _sorted_pairs(distances, rows)
    return rows[:, :count], distances[:, :count]


def _sorted_pairs(
    distances: NDArray[np.float64], rows: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    order = np.argsort(distances, axis=1, kind="stable")
    return np.take_along_axis(distances, order, axis=1), np.take_along_axis(rows, order, axis=1)
