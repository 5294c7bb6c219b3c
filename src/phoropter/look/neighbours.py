"""Nearest neighbours of every picture among all others, mirrored ones included."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import NDArray

from phoropter.core.seed import derive, generator

WHOLE_SEARCH_ROWS = 25_000
"""Up to here every pair is compared (25,000 rows: about 10 s on two cores); the cost is quadratic.
Beyond, rows are compared within cells of similar pictures, which costs n times a cell's size."""

CELL_ROWS = 4_000
CELLS_PROBED = 3
SPARE = 8
"""Neighbours found in the coarse space beyond those wanted, so that the fine ranking is right."""

FEATURE_DIMENSIONS = 256

BLOCK_ROWS = 4_096
"""Rows worked on at once where a step needs more memory for each row than it gives back."""

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
    parts = [picture_vectors(thumbnails[part])[1] for part in _blocks(len(thumbnails))]
    return np.concatenate(parts) if parts else np.zeros(0, dtype=np.bool_)


def picture_neighbours(thumbnails: NDArray[np.uint8], count: int, *, seed: int) -> Neighbours:
    """The `count` nearest pictures of each, by the smaller distance of the plain and mirrored one.

    Candidates are found on thumbnails halved to 16 x 16, where distances are much cheaper, and
    ranked on the full ones.

    Args:
        thumbnails: Shape (n, 32, 32), n > count, none of them flat.
        count: Neighbours a picture.
        seed: Decides the cells of very large sets.
    """
    coarse = np.concatenate(
        [_halved(picture_vectors(thumbnails[part])[0]) for part in _blocks(len(thumbnails))]
    )
    wanted = min(count + SPARE, len(coarse) - 1)
    found = []
    for step in (1, -1):
        queries = np.ascontiguousarray(coarse[:, :, ::step])
        near = _search(_flat(coarse), _flat(queries), wanted, seed=seed)
        found.append(Neighbours(near.rows, _exact(thumbnails, near.rows, step=step)))
    return _merged(found, count)


def vector_neighbours(vectors: Vectors, count: int, *, seed: int) -> Neighbours:
    """The `count` nearest rows of each row of `vectors` (n, d), n > count."""
    wanted = min(count, len(vectors) - 1)
    return _merged([_search(vectors, vectors, wanted, seed=seed)], count)


def unit_vectors(features: Vectors, *, seed: int, most: int = FEATURE_DIMENSIONS) -> Vectors:
    """Features (n, d) scaled to length one, turned into their first principal components.

    Distances between unit vectors rank like the cosine. Beyond `most` components
    only speed is lost.
    """
    length = np.linalg.norm(features, axis=1, keepdims=True)
    units = np.asarray(features / np.maximum(length, 1e-12), dtype=np.float32)
    if min(units.shape) <= most:
        return units
    from sklearn.decomposition import PCA

    reduction = PCA(most, svd_solver="randomized", random_state=derive(seed, "unit") % 2**32)
    return np.asarray(reduction.fit_transform(units), dtype=np.float32)


def _blocks(count: int, size: int = BLOCK_ROWS) -> Iterator[slice]:
    """Consecutive slices of `count` rows: what is computed block by block needs little memory."""
    return (slice(start, start + size) for start in range(0, count, size))


def _flat(pictures: Vectors) -> Vectors:
    return pictures.reshape(len(pictures), -1)


def _halved(vectors: Vectors) -> Vectors:
    """Pictures (n, side / 2, side / 2) of vectors (n, side * side): means of 2 x 2 pixels.

    They are scaled so that distances never exceed the full ones.
    """
    side = int(np.sqrt(vectors.shape[1]))
    blocks = vectors.reshape(-1, side // 2, 2, side // 2, 2)
    return np.ascontiguousarray(blocks.sum(axis=(2, 4)) / 2)


def _exact(
    thumbnails: NDArray[np.uint8], rows: NDArray[np.int64], *, step: int, block: int = 128
) -> NDArray[np.float64]:
    """Distances of the unit vectors of each picture, mirrored for a step of -1, to its candidates.

    They follow from sums over bytes, which are whole numbers and exact, so that the unit vectors,
    eight times the thumbnails' size with their mirror images, need not be kept.
    """
    pixels = prod(thumbnails.shape[1:])
    sums, lengths = _sums(thumbnails)
    distances = np.full(rows.shape, np.inf)
    for part in _blocks(len(rows), block):
        near = rows[part]
        queries = _centred(thumbnails[part, :, ::step])[:, :, None]
        products = (_centred(thumbnails[near]) @ queries)[:, :, 0].astype(np.float64)
        covariance = pixels * products - sums[near] * sums[part, None]
        correlation = covariance / (lengths[near] * lengths[part, None])
        distances[part] = np.sqrt(np.maximum(2 - 2 * correlation, 0))
    distances[rows < 0] = np.inf
    return distances


def _sums(thumbnails: NDArray[np.uint8]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Of each centred picture's p pixels: their sum, and sqrt(p * sum of squares - sum^2)."""
    sums, squares = np.empty(len(thumbnails)), np.empty(len(thumbnails))
    for part in _blocks(len(thumbnails)):
        pixels = _centred(thumbnails[part]).astype(np.float64)
        sums[part] = pixels.sum(axis=1)
        squares[part] = np.einsum("np,np->n", pixels, pixels)
    variance = prod(thumbnails.shape[1:]) * squares - sums**2
    return sums, np.sqrt(np.maximum(variance, 1.0))


def _centred(thumbnails: NDArray[np.uint8]) -> Vectors:
    """Bytes (..., 32, 32) less 128, (..., 1024): sums of their products are exact in float32."""
    return thumbnails.reshape(*thumbnails.shape[:-2], -1).astype(np.float32) - np.float32(128)


def _search(vectors: Vectors, queries: Vectors, count: int, *, seed: int) -> Neighbours:
    """The `count` + 1 rows of `vectors` nearest to each query, itself probably among them."""
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
    nearest = Neighbours(rows.reshape(len(queries), -1), distances.reshape(len(queries), -1))
    for block in _blocks(len(queries)):
        nearest.rows[block], nearest.distances[block] = _sorted_by(
            nearest.distances[block], nearest.rows[block]
        )
    return Neighbours(nearest.rows[:, :count].copy(), nearest.distances[:, :count].copy())


def _merged(parts: list[Neighbours], count: int) -> Neighbours:
    """The nearest `count` of several lists, without the row itself and without repeats."""
    total = len(parts[0].rows)
    count = min(count, sum(part.rows.shape[1] for part in parts))
    rows, distances = np.empty((total, count), dtype=np.int64), np.empty((total, count))
    for block in _blocks(total):
        rows[block], distances[block] = _merged_block(parts, block, count)
    return Neighbours(rows, distances)


def _merged_block(
    parts: list[Neighbours], block: slice, count: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    rows = np.concatenate([part.rows[block] for part in parts], axis=1)
    distances = np.concatenate([part.distances[block] for part in parts], axis=1)
    itself = np.arange(block.start, block.start + len(rows))[:, None]
    distances = np.where(rows == itself, np.inf, distances)
    rows, distances = _sorted_by(distances, rows)
    by_row = np.argsort(rows, axis=1, kind="stable")
    ordered = np.take_along_axis(rows, by_row, axis=1)
    repeats = np.zeros(rows.shape, dtype=bool)
    repeats[:, 1:] = ordered[:, 1:] == ordered[:, :-1]
    repeated = np.zeros(rows.shape, dtype=bool)
    np.put_along_axis(repeated, by_row, repeats, axis=1)
    distances = np.where(repeated, np.inf, distances)
    rows, distances = _sorted_by(distances, rows)
    return rows[:, :count], distances[:, :count]


def _sorted_by(
    distances: NDArray[np.float64], rows: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    order = np.argsort(distances, axis=1, kind="stable")
    return np.take_along_axis(rows, order, axis=1), np.take_along_axis(distances, order, axis=1)
