"""What of a picture survives copying: where its edges run, whatever its light and contrast."""

from __future__ import annotations

import functools
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Pictures = NDArray[np.float32]

SMOOTHING = 1.0
"""Pixels; finer detail does not survive re-encoding and resizing."""

SURROUNDINGS = 3.0
"""Pixels over which edge strengths are evened out, so that one bold edge does not outweigh all."""

FLOOR = 0.5
"""Edges weaker than this share of the picture's typical one are faded out: noise, not detail."""

FADE = 4
"""Pixels over which edges fade out towards the border in a layout: what lies beyond (black corners
after a turn) has smeared into them."""

DIRECTIONS = 8
CELLS = 4
LAYOUT_DIMENSIONS = DIRECTIONS * CELLS**2

BLOCK_PICTURES = 1_024
"""Pictures worked on at once: a step needs far more memory for each than it gives back."""


def blocks(count: int, size: int = BLOCK_PICTURES) -> Iterator[slice]:
    """Consecutive slices of `count` rows."""
    return (slice(start, min(start + size, count)) for start in range(0, count, size))


def smooth(thumbnails: NDArray[np.uint8]) -> Pictures:
    """Thumbnails (n, h, w) slightly blurred, each with mean 0 and standard deviation 1.

    Flat ones are 0 everywhere.
    """
    values = blurred(thumbnails.astype(np.float32), SMOOTHING)
    values -= values.mean(axis=(1, 2), keepdims=True)
    spread = values.std(axis=(1, 2), keepdims=True)
    return np.asarray(values / np.maximum(spread, 1e-6), dtype=np.float32)


def blurred(pictures: Pictures, sigma: float) -> Pictures:
    """Pictures (n, h, w) under a Gaussian of `sigma` pixels, borders renormalised."""
    height, width = pictures.shape[1:]
    return np.asarray(_blur(height, sigma) @ pictures @ _blur(width, sigma).T)


def slopes(pictures: Pictures) -> tuple[Pictures, Pictures]:
    """Differences down and right, central, of pictures (n, h, w)."""
    down, right = np.gradient(pictures, axis=(1, 2))
    return np.asarray(down, dtype=np.float32), np.asarray(right, dtype=np.float32)


def detail(pictures: Pictures) -> Pictures:
    """Directed edges of `smooth` pictures (n, h, w), evened out: shape (n, 2, h, w).

    Two pictures that show different things have nearly uncorrelated edges, even where both are
    mostly one smooth sky, which makes their pixels alike.
    """
    down, right = slopes(pictures)
    strength = down**2 + right**2
    typical = strength.mean(axis=(1, 2), keepdims=True)
    around = np.sqrt(blurred(strength, SURROUNDINGS) + FLOOR**2 * typical + 1e-12)
    return np.stack([down / around, right / around], axis=1)


def edge_layout(edges: Pictures) -> Pictures:
    """How much edge runs in which direction where: unit vectors (n, 128) of `detail` (n, 2, h, w).

    Eight directions (dark to bright counts) in 4 x 4 cells, both with soft borders, so that a
    small shift, turn or change of scale moves little. After Dalal and Triggs, "Histograms of
    oriented gradients", 2005.
    """
    angles = np.arange(DIRECTIONS) * (2 * np.pi / DIRECTIONS)
    ways = np.stack([np.sin(angles), np.cos(angles)], axis=1).astype(np.float32)
    count, _, height, width = edges.shape
    edges = edges * _inner(height)[:, None] * _inner(width)
    along = np.maximum(ways @ edges.reshape(count, 2, -1), 0) ** 2
    along = along.reshape(count, DIRECTIONS, height, width)
    cells = _pool(height) @ along @ _pool(width).T
    return unit(np.sqrt(cells.reshape(count, -1)))


def mirrored(edges: Pictures) -> Pictures:
    """The edges (n, 2, h, w) of the mirror image: what ran right runs left."""
    sign = np.array([1, -1], dtype=np.float32)[:, None, None]
    return edges[..., ::-1] * sign


def unit(vectors: Pictures) -> Pictures:
    """Rows (n, d) of length one; rows of zeros stay.

    >>> unit(np.array([[3.0, 4.0], [0.0, 0.0]], np.float32)).tolist()
    [[0.6000000238418579, 0.800000011920929], [0.0, 0.0]]
    """
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(length, 1e-6), dtype=np.float32)


@functools.lru_cache
def _blur(side: int, sigma: float) -> Pictures:
    """The Gaussian along one axis as a matrix (side, side), rows summing to one."""
    place = np.arange(side)
    weights = np.exp(-((place[:, None] - place[None, :]) ** 2) / (2 * sigma**2))
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), dtype=np.float32)


@functools.lru_cache
def _inner(side: int) -> Pictures:
    """Weights along one axis that fade out towards both borders."""
    place = np.arange(side)
    return np.clip(np.minimum(place, side - 1 - place) / FADE, 0, 1).astype(np.float32)


@functools.lru_cache
def _pool(side: int) -> Pictures:
    """Soft cells along one axis: weights (CELLS, side), triangles that overlap by half."""
    centre = (np.arange(CELLS) + 0.5) * side / CELLS - 0.5
    distance = np.abs(np.arange(side)[None, :] - centre[:, None]) / (side / CELLS)
    return np.maximum(1 - distance, 0).astype(np.float32)
