"""Finds shifted and exchanged masks: do their edges lie where their pictures have edges?

The edges of a mask and the gradient of its picture are correlated at every shift at once (by FFT).
A mask in its place correlates best unshifted, and better with its own picture than with others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from phoropter.core.seed import generator
from phoropter.data.decode import UnreadableImageError, decode, decode_values
from phoropter.data.parallel import ordered

Plane = NDArray[np.float32]

SIDE_PX = 256
"""Longer side at which pictures and masks are compared."""

FEWEST = 10
"""Pairs of one size below which nothing is compared: what is usual would not be known."""

MOST = 2000
"""Pairs that are compared; a larger set is sampled."""

_FOREIGN = 32
_REACH_PX = 32
_SHIFT_PX = 3
_SHIFT_RATIO = 0.6
_WEAK_SHARE = 0.5
_STRANGER_SD = 0.5
_MOVED_SD = 5.0
_LEAST_SPREAD = 0.01
_USUAL_SD = 3.0


@dataclass(frozen=True, slots=True)
class Misplaced:
    """A mask that does not fit its picture.

    Args:
        row: Its position among the pairs.
        own: Correlation of its edges with its picture, unshifted.
        best: The highest at any shift.
        shift: Where that is, (down, right) in pixels of the mask, or None where it does not fit its
            picture better than others.
        usual: Median of `own` over the set.
    """

    row: int
    own: float
    best: float
    shift: tuple[int, int] | None
    usual: float


@dataclass(frozen=True, slots=True)
class _Fit:
    row: int
    own: float
    best: float
    shift: tuple[int, int]
    foreign: float
    spread: float


def misplaced(
    root: Path, pairs: Sequence[tuple[str, str]], *, seed: int = 0
) -> tuple[Misplaced, ...]:
    """The masks that lie beside what they show, or belong to another picture.

    Pairs of the most frequent size are compared. Nothing is said where the masks of a set do not
    follow the edges of their pictures anyway.

    Args:
        root: The folder that the paths are relative to.
        pairs: Image and mask; both as large as each other.
        seed: Decides which pairs are compared where there are many, and with which others.
    """
    order = generator(seed, "mask alignment").permutation(len(pairs))[:MOST]
    chosen = np.sort(order).tolist()
    planes = ordered(lambda row: _planes(root, *pairs[row]), chosen)
    found = [(row, *both) for row, both in zip(chosen, planes, strict=True) if both is not None]
    sizes = [picture.shape for _, picture, _, _ in found]
    if not sizes:
        return ()
    usual_size = max(set(sizes), key=sizes.count)
    same = [item for item in found if item[1].shape == usual_size]
    if len(same) < FEWEST:
        return ()
    draw = generator(seed, "foreign masks")
    fits = [_fit(place, same, draw) for place in range(len(same))]
    return tuple(_judged(fits))


def _judged(fits: Sequence[_Fit]) -> list[Misplaced]:
    usual = float(np.median([fit.own for fit in fits]))
    lead = float(np.median([(fit.own - fit.foreign) / fit.spread for fit in fits]))
    if lead < _USUAL_SD or usual <= 0:
        return []
    found = []
    for fit in fits:
        far = max(abs(fit.shift[0]), abs(fit.shift[1])) >= _SHIFT_PX
        strong = fit.best >= _WEAK_SHARE * usual
        elsewhere = far and strong and fit.own < _SHIFT_RATIO * fit.best
        stranger = fit.own < fit.foreign + _STRANGER_SD * fit.spread
        weak = fit.own < _WEAK_SHARE * usual
        # A wrong mask fits at no shift; one that was moved fits there as well as others unmoved.
        moved = elsewhere and fit.best >= fit.foreign + _MOVED_SD * fit.spread
        if moved or (weak and stranger):
            shift = fit.shift if moved else None
            found.append(Misplaced(fit.row, fit.own, fit.best, shift, usual))
    return found


def _fit(
    place: int,
    same: Sequence[tuple[int, Plane, Plane, int]],
    draw: np.random.Generator,
) -> _Fit:
    row, picture, edges, factor = same[place]
    surface = _correlation(picture, edges)
    height, width = surface.shape
    down, right = min(_REACH_PX, height // 4), min(_REACH_PX, width // 4)
    window = np.roll(surface, (down, right), axis=(0, 1))[: 2 * down + 1, : 2 * right + 1]
    peak = np.unravel_index(int(window.argmax()), window.shape)
    others = [other for other in draw.permutation(len(same))[: _FOREIGN + 1] if other != place]
    foreign = [float((same[other][1] * edges).sum()) for other in others[:_FOREIGN]]
    return _Fit(
        row=row,
        own=float(surface[0, 0]),
        best=float(window.max()),
        # A mask whose edges fit when moved up lies too far down.
        shift=((down - int(peak[0])) * factor, (right - int(peak[1])) * factor),
        foreign=float(np.mean(foreign)),
        spread=max(float(np.std(foreign)), _LEAST_SPREAD),
    )


def _planes(root: Path, image: str, mask: str) -> tuple[Plane, Plane, int] | None:
    """Gradient of the picture, edges of the mask, both (h, w) of unit length, and the scale."""
    try:
        _, values = decode_values(root / mask)
        pixels = decode(root / image, min_side_px=SIDE_PX)
    except UnreadableImageError:
        return None
    factor = max(1, -(-max(values.shape) // SIDE_PX))
    small = values[::factor, ::factor]
    edges = np.zeros(small.shape, dtype=np.float32)
    edges[1:] += small[1:] != small[:-1]
    edges[:, 1:] += small[:, 1:] != small[:, :-1]
    if not edges.any():
        return None
    grey = Image.fromarray(pixels).convert("L").resize(small.shape[::-1], Image.Resampling.BOX)
    light = np.asarray(grey, dtype=np.float32)
    steps = np.maximum(
        np.abs(np.diff(light, axis=0, prepend=light[:1])),
        np.abs(np.diff(light, axis=1, prepend=light[:, :1])),
    )
    return _unit(np.sqrt(steps)), _unit(np.minimum(edges, 1)), factor


def _unit(plane: Plane) -> Plane:
    centred = plane - plane.mean()
    length = float(np.sqrt((centred**2).sum()))
    return np.asarray(centred / max(length, 1e-12), dtype=np.float32)


def _correlation(picture: Plane, edges: Plane) -> NDArray[np.float64]:
    """Correlation at every shift of the edges, (h, w), that of no shift first."""
    product = np.fft.rfft2(picture) * np.conj(np.fft.rfft2(edges))
    return np.fft.irfft2(product, s=picture.shape)
