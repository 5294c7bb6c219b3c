"""Lays one picture onto another: the shift, turn and scale under which they agree best."""

from __future__ import annotations

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

BLOCK_PAIRS = 64
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
    for part in blocks(count):
        fine = smooth(thumbnails[part])
        edges = detail(fine)
        result.fine[part] = fine
        result.edges[part] = edges
        result.layouts[part] = edge_layout(edges)
        result.mirrored_layouts[part] = edge_layout(mirrored(edges))
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
    target, moving = (pictures.fine[one].astype(np.float32) for one in (rows, others))
    target_edges, moving_edges = (pictures.edges[one].astype(np.float32) for one in (rows, others))
    moving[flips] = moving[flips][:, :, ::-1]
    moving_edges[flips] = mirrored(moving_edges[flips])
    rest = np.tile(np.eye(2, 3, dtype=np.float32), (len(pairs), 1, 1))
    poses = _aligned(_halved(target), _halved(moving), rest, COARSE_STEPS)
    scores = _edge_scores(target_edges, moving_edges, poses)
    at_rest = _edge_scores(target_edges, moving_edges, rest)
    kept = at_rest > scores
    poses[kept], scores[kept] = rest[kept], at_rest[kept]
    close = np.flatnonzero(scores >= CLOSER_LOOK)
    finer = _aligned(target[close], moving[close], poses[close], FINE_STEPS)
    better = _edge_scores(target_edges[close], moving_edges[close], finer)
    gained = better > scores[close]
    poses[close[gained]], scores[close[gained]] = finer[gained], better[gained]
    return Registered(scores, _light_scores(target, moving, poses), poses)


def _halved(pictures: Pictures) -> Pictures:
    side = pictures.shape[1] // 2
    blocked = pictures.reshape(len(pictures), side, 2, side, 2)
    return np.asarray(blocked.mean(axis=(2, 4)))


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
    columns = [down * y, down * x, down, right * y, right * x, right, flat, flat * 0 + ones]
    basis = np.stack(columns, axis=1)
    ridge = RIDGE * side * side * np.eye(len(columns), dtype=np.float32)
    for _ in range(steps):
        warped, inside = _warped(moving[:, None], poses, grid)
        weighted = basis * inside[:, None]
        gap = (warped[:, 0] - flat)[:, :, None]
        matrix = weighted @ basis.transpose(0, 2, 1) + ridge
        poses = _composed(poses, np.linalg.solve(matrix, weighted @ gap)[:, :6, 0])
    return poses


def _composed(poses: Poses, change: Pictures) -> Poses:
    """`poses` after the inverse of (identity + change)."""
    step = np.zeros((len(poses), 3, 3), dtype=np.float32)
    step[:, :2] = np.clip(change, -0.3, 0.3).reshape(-1, 2, 3)
    step += np.eye(3, dtype=np.float32)
    return np.asarray(poses @ np.linalg.inv(step), dtype=np.float32)


def _warped(channels: Pictures, poses: Poses, grid: Pictures) -> tuple[Pictures, Pictures]:
    """Channels (p, c, s, s) read at the grid's places (3, q) under the poses: (p, c, q).

    And whether these lie inside, (p, q), as 1 or 0. Linear between pixels.
    """
    count, depth, side, _ = channels.shape
    places = (poses @ grid + 1) * np.float32(side / 2) - np.float32(0.5)
    inside = ((places > -0.01) & (places < side - 0.99)).all(axis=1).astype(np.float32)
    np.clip(places, 0, side - 1.001, out=places)
    corner = places.astype(np.int32)
    below, beside = (places - corner).transpose(1, 0, 2)
    picture = np.arange(count, dtype=np.int32)[:, None] * np.int32(depth * side * side)
    start = picture + corner[:, 0] * side + corner[:, 1]
    flat = channels.reshape(-1)
    result = np.empty((count, depth, grid.shape[1]), dtype=np.float32)
    for channel in range(depth):
        first, second = flat.take(start), flat.take(start + 1)
        top = first + (second - first) * beside
        first, second = flat.take(start + side), flat.take(start + (side + 1))
        bottom = first + (second - first) * beside
        result[:, channel] = top + (bottom - top) * below
        start += side * side
    return result, inside


def _inner(target: Pictures, moving: Pictures, poses: Poses) -> tuple[Pictures, Pictures, Pictures]:
    """Both (p, c, q) where they count, 0 where they do not, and where, (p, 1, q) as 1 or 0."""
    side = target.shape[2]
    grid = _grid(side, MARGIN)
    warped, _ = _warped(moving, poses, grid)
    limit = np.float32(1 - 2 * MARGIN / side)
    inside = (np.abs(poses @ grid) <= limit).all(axis=1).astype(np.float32)[:, None]
    still = target[:, :, MARGIN:-MARGIN, MARGIN:-MARGIN].reshape(*warped.shape)
    return still * inside, warped * inside, inside


def _edge_scores(target: Pictures, moving: Pictures, poses: Poses) -> NDArray[np.float32]:
    still, warped, inside = _inner(target, moving, poses)
    turned = poses[:, :, :2].transpose(0, 2, 1) @ warped  # edges turn with the picture
    possible = _plausible(poses) & (inside.mean(axis=(1, 2)) >= SMALLEST_OVERLAP)
    return np.where(possible, _cosine(still, turned), np.float32(-1))


def _light_scores(target: Pictures, moving: Pictures, poses: Poses) -> NDArray[np.float32]:
    still, warped, inside = _inner(target[:, None], moving[:, None], poses)
    count = np.maximum(inside.sum(axis=2, keepdims=True), 1)
    still -= still.sum(axis=2, keepdims=True) / count * inside
    warped -= warped.sum(axis=2, keepdims=True) / count * inside
    return _cosine(still, warped)


def _cosine(first: Pictures, second: Pictures) -> NDArray[np.float32]:
    product, energy, other = (
        np.einsum("pcq,pcq->p", one, two)
        for one, two in ((first, second), (first, first), (second, second))
    )
    return np.asarray(product / np.sqrt(np.maximum(energy * other, 1e-12)), dtype=np.float32)


def _plausible(poses: Poses) -> NDArray[np.bool_]:
    """Whether a pose is that of a copy: little shift, turn and change of scale and shape."""
    linear = poses[:, :, :2]
    scale = np.linalg.svd(linear, compute_uv=False)
    turn = np.arctan2(linear[:, 0, 1] - linear[:, 1, 0], linear[:, 0, 0] + linear[:, 1, 1])
    return np.asarray(
        (scale[:, 0] <= LARGEST_SCALE)
        & (scale[:, 1] >= 1 / LARGEST_SCALE)
        & (scale[:, 0] <= LARGEST_SQUEEZE * scale[:, 1])
        & (np.linalg.det(linear) > 0)
        & (np.abs(turn) <= LARGEST_TURN)
        & (np.abs(poses[:, :, 2]).max(axis=1) <= LARGEST_SHIFT)
    )
