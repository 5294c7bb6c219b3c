"""Lays one picture onto another: the shift, turn and scale under which they agree best."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from phoropter.data.parallel import ordered
from phoropter.look.detail import (
    LAYOUT_DIMENSIONS,
    Pictures,
    blocks,
    detail,
    edge_layout,
    mirrored,
    slopes,
    smooth,
)

Half = NDArray[np.float16]
Poses = NDArray[np.float32]
"""Affine maps, shape (p, 2, 3): from coordinates (y, x) in the first picture, in [-1, 1] from
border to border, to those in the second."""

COARSE_STEPS = 6
FINE_STEPS = 2
RIDGE = 1e-3
"""Share of the identity in the normal equations: where a picture has no detail nothing moves."""

BLOCK_PAIRS = 128
"""Pairs worked on at once: few enough for the processor's cache."""

CLOSER_LOOK = 0.4
"""Where the edges correlate less after the coarse steps, finer ones would not make a copy."""

LARGEST_TURN = 0.2
LARGEST_SCALE = 1.35
LARGEST_SQUEEZE = 1.25
LARGEST_SHIFT = 0.3
"""A copy is turned by at most 0.2 radians, is a crop of no less than about three quarters of the
side, is squeezed by no more than a quarter and shifted by no more than 0.3 of half the side."""

SMALLEST_OVERLAP = 0.6
MARGIN = 3
"""Pixels along the border that do not count: what lies beyond has smeared into them."""


@dataclass(frozen=True, slots=True, eq=False)
class Registered:
    """Pairs laid onto each other.

    Args:
        edges: Shape (p,): correlation of the edges where both pictures are; -1 where they would
            have to be bent too far.
        light: Shape (p,): correlation of the grey values there.
        poses: Shape (p, 2, 3).
    """

    edges: NDArray[np.float32]
    light: NDArray[np.float32]
    poses: Poses


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """Pictures ready to be laid onto each other; 6 KB each.

    Args:
        fine: Shape (n, 32, 32), float16, see `smooth`.
        edges: Shape (n, 2, 32, 32), float16, see `detail`.
        layouts: Shape (n, 128), see `edge_layout`.
        mirrored_layouts: Those of the mirror images.
    """

    fine: Half
    edges: Half
    layouts: Pictures
    mirrored_layouts: Pictures


def prepared(thumbnails: NDArray[np.uint8]) -> Prepared:
    """Thumbnails (n, 32, 32), prepared."""
    count, side, _ = thumbnails.shape
    result = Prepared(
        fine=np.empty((count, side, side), dtype=np.float16),
        edges=np.empty((count, 2, side, side), dtype=np.float16),
        layouts=np.empty((count, LAYOUT_DIMENSIONS), dtype=np.float32),
        mirrored_layouts=np.empty((count, LAYOUT_DIMENSIONS), dtype=np.float32),
    )

    def prepare(part: slice) -> None:
        fine = smooth(thumbnails[part])
        edges = detail(fine)
        result.fine[part] = fine
        result.edges[part] = edges
        result.layouts[part] = edge_layout(edges)
        result.mirrored_layouts[part] = edge_layout(mirrored(edges))

    for _ in ordered(prepare, blocks(count)):
        pass
    return result


def register(pictures: Prepared, pairs: NDArray[np.int64], flips: NDArray[np.bool_]) -> Registered:
    """Lays each second picture, mirrored where `flips`, onto the first of its pair.

    Gauss-Newton steps from where they lie, coarse ones first; kept if they help.

    Args:
        pictures: All of them.
        pairs: Shape (p, 2), rows of `pictures`.
        flips: Shape (p,).
    """
    result = Registered(
        np.empty(len(pairs), np.float32),
        np.empty(len(pairs), np.float32),
        np.empty((len(pairs), 2, 3), np.float32),
    )
    parts = list(blocks(len(pairs), BLOCK_PAIRS))
    done = ordered(lambda part: _registered(pictures, pairs[part], flips[part]), parts)
    for part, one in zip(parts, done, strict=True):
        result.edges[part], result.light[part] = one.edges, one.light
        result.poses[part] = one.poses
    return result


def _registered(
    pictures: Prepared, pairs: NDArray[np.int64], flips: NDArray[np.bool_]
) -> Registered:
    rows, others = pairs.T
    target, moving = _views(pictures, rows), _views(pictures, others)
    moving[flips] = moving[flips][..., ::-1]
    moving[flips, 2] *= -1  # what ran right runs left
    rest = np.tile(np.eye(2, 3, dtype=np.float32), (len(pairs), 1, 1))
    result = _resting(target, moving, rest)
    coarse = _aligned(_halved(target[:, 0]), _halved(moving[:, 0]), rest, COARSE_STEPS)
    _improve(result, np.arange(len(pairs)), _scored(target, moving, coarse))
    close = np.flatnonzero(result.edges >= CLOSER_LOOK)
    target, moving = target[close], moving[close]
    finer = _aligned(target[:, 0], moving[:, 0], result.poses[close], FINE_STEPS)
    _improve(result, close, _scored(target, moving, finer))
    return result


def _views(pictures: Prepared, rows: NDArray[np.int64]) -> Pictures:
    """The pictures' grey and their edges down and right, (p, 3, s, s)."""
    result = np.empty((len(rows), 3, *pictures.fine.shape[1:]), dtype=np.float32)
    result[:, 0], result[:, 1:] = pictures.fine[rows], pictures.edges[rows]
    return result


def _improve(result: Registered, rows: NDArray[np.int64], other: Registered) -> None:
    """Takes what was registered otherwise for some rows where the edges agree better."""
    better = other.edges > result.edges[rows]
    for kept, new in (
        (result.edges, other.edges),
        (result.light, other.light),
        (result.poses, other.poses),
    ):
        kept[rows[better]] = new[better]


def _halved(pictures: Pictures) -> Pictures:
    across = pictures[:, :, ::2] + pictures[:, :, 1::2]
    return np.asarray((across[:, ::2] + across[:, 1::2]) / 4)


@functools.lru_cache
def _grid(side: int, margin: int = 0) -> Pictures:
    """Homogeneous coordinates (3, q) of the pixels' centres, without a margin."""
    centres = (np.arange(margin, side - margin, dtype=np.float32) + 0.5) * (2 / side) - 1
    y, x = np.meshgrid(centres, centres, indexing="ij")
    return np.stack([y.ravel(), x.ravel(), np.ones(y.size, dtype=np.float32)])


def _aligned(target: Pictures, moving: Pictures, poses: Poses, steps: int) -> Poses:
    """Inverse compositional steps, with gain and offset fitted along.

    Source: Baker and Matthews, "Lucas-Kanade 20 years on", IJCV 2004.
    """
    count, side, _ = target.shape
    grid = _grid(side)
    y, x, ones = grid
    down, right = (
        slope.reshape(count, side * side) * np.float32(side / 2) for slope in slopes(target)
    )
    flat = target.reshape(count, side * side)
    basis = np.empty((count, 8, side * side), dtype=np.float32)
    for place, (one, other) in enumerate(
        [(down, y), (down, x), (down, ones), (right, y), (right, x), (right, ones), (flat, ones)]
    ):
        np.multiply(one, other, out=basis[:, place])
    basis[:, 7] = 1
    transposed = np.ascontiguousarray(basis.transpose(0, 2, 1))
    ridge = RIDGE * side * side * np.eye(8, dtype=np.float32)
    for _ in range(steps):
        warped, inside = _warped(moving[:, None], poses, grid)
        weighted = basis * inside[:, None]
        gap = (warped[:, 0] - flat)[:, :, None]
        matrix = weighted @ transposed + ridge
        poses = _composed(poses, np.linalg.solve(matrix, weighted @ gap)[:, :6, 0])
    return poses


def _composed(poses: Poses, change: Pictures) -> Poses:
    """`poses` after the inverse of (identity + change)."""
    step = np.clip(change, -0.3, 0.3).reshape(-1, 2, 3) + np.eye(2, 3, dtype=np.float32)
    (a, b), (c, d) = step[:, :, :2].transpose(1, 2, 0)
    inverse = np.stack([d, -b, -c, a], axis=1).reshape(-1, 2, 2) / (a * d - b * c)[:, None, None]
    result = np.empty_like(poses)
    result[:, :, :2] = poses[:, :, :2] @ inverse
    result[:, :, 2:] = poses[:, :, 2:] - result[:, :, :2] @ step[:, :, 2:]
    return result


def _warped(channels: Pictures, poses: Poses, grid: Pictures) -> tuple[Pictures, Pictures]:
    """Channels (p, c, s, s) read at the grid's places (3, q) under the poses: (p, c, q).

    And whether these lie inside, (p, q), as 1 or 0. Linear between pixels.
    """
    count, depth, side, _ = channels.shape
    pixels = poses * np.float32(side / 2)
    pixels[:, :, 2] += np.float32(side / 2 - 0.5)
    places = pixels @ grid
    kept = np.clip(places, np.float32(0), np.float32(side - 1.001))
    down, right = np.abs(places - kept).transpose(1, 0, 2)
    inside = (np.maximum(down, right) < 0.01).astype(np.float32)
    corner = np.floor(kept)
    below, beside = (kept - corner).transpose(1, 0, 2)
    corner = corner.astype(np.int32)
    start = corner[:, 0] * np.int32(side)
    start += corner[:, 1]
    start += np.arange(count, dtype=np.int32)[:, None] * np.int32(depth * side * side)
    flat = channels.reshape(-1)
    result = np.empty((count, depth, grid.shape[1]), dtype=np.float32)
    for channel in range(depth):
        read = flat[channel * side * side :]
        top = _between(read, start, beside)
        bottom = _between(read[side:], start, beside)
        bottom -= top
        bottom *= below
        np.add(top, bottom, out=result[:, channel])
    return result, inside


def _between(flat: Pictures, start: NDArray[np.int32], beside: Pictures) -> Pictures:
    """What lies so far between each place and the next."""
    first, second = flat.take(start), flat[1:].take(start)
    second -= first
    second *= beside
    second += first
    return second


def _scored(target: Pictures, moving: Pictures, poses: Poses) -> Registered:
    """How well pictures with their edges, (p, 3, s, s), agree under the poses."""
    side = target.shape[2]
    grid = _grid(side, MARGIN)
    warped, _ = _warped(moving, poses, grid)
    warped[:, 1:] = poses[:, :, :2].transpose(0, 2, 1) @ warped[:, 1:]  # edges turn along
    down, right = np.abs(poses @ grid).transpose(1, 0, 2)
    inside = (np.maximum(down, right) <= 1 - 2 * MARGIN / side).astype(np.float32)
    return _agreement(_inner(target), warped, inside, poses)


def _resting(target: Pictures, moving: Pictures, rest: Poses) -> Registered:
    """As `_scored`, of pictures as they lie."""
    still = _inner(target)
    return _agreement(still, _inner(moving), np.ones_like(still[:, 0]), rest)


def _inner(pictures: Pictures) -> Pictures:
    """Pictures (p, c, s, s) without their margin, (p, c, q)."""
    count, depth, side, _ = pictures.shape
    inner = pictures[:, :, MARGIN:-MARGIN, MARGIN:-MARGIN]
    return inner.reshape(count, depth, (side - 2 * MARGIN) ** 2)


def _agreement(still: Pictures, moved: Pictures, inside: Pictures, poses: Poses) -> Registered:
    """Correlations of grey and edges, (p, 3, q) each, over the places inside, (p, q)."""
    still, moved = still * inside[:, None], moved * inside[:, None]
    count = inside.sum(axis=1)
    possible = _plausible(poses) & (count >= SMALLEST_OVERLAP * inside.shape[1])
    edges = np.where(possible, _cosine(still[:, 1:], moved[:, 1:]), np.float32(-1))
    light = _cosine(*(_centred(one[:, :1], inside, count) for one in (still, moved)))
    return Registered(edges, light, poses.copy())


def _centred(grey: Pictures, inside: Pictures, count: Pictures) -> Pictures:
    """Grey (p, 1, q) that is 0 outside, less its mean over the `count` places inside."""
    mean = grey.sum(axis=2, keepdims=True) / np.maximum(count, 1)[:, None, None]
    return np.asarray(grey - mean * inside[:, None])


def _cosine(first: Pictures, second: Pictures) -> NDArray[np.float32]:
    product, energy, other = (
        np.einsum("pcq,pcq->p", one, two)
        for one, two in ((first, second), (first, first), (second, second))
    )
    return np.asarray(product / np.sqrt(np.maximum(energy * other, 1e-12)), dtype=np.float32)


def _plausible(poses: Poses) -> NDArray[np.bool_]:
    """Whether a pose is that of a copy: little shift, turn and change of scale and shape."""
    (a, b), (c, d) = poses[:, :, :2].transpose(1, 2, 0)
    # Singular values of a 2 x 2 matrix: half the sum and difference of these two lengths.
    alike, unlike = np.hypot(a + d, b - c), np.hypot(a - d, b + c)
    largest, least = (alike + unlike) / 2, (alike - unlike) / 2
    return np.asarray(
        (largest <= LARGEST_SCALE)
        & (least >= 1 / LARGEST_SCALE)  # also: not mirrored, which would make it negative
        & (largest <= LARGEST_SQUEEZE * least)
        & (np.abs(np.arctan2(b - c, a + d)) <= LARGEST_TURN)
        & (np.abs(poses[:, :, 2]).max(axis=1) <= LARGEST_SHIFT)
    )
