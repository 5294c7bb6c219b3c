"""What an image looks like in 224 numbers, without a network: colours, their layout, edges."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from phoropter.core.records import Normalization, Preprocessing
from phoropter.data.preprocess import read_square

_SIDE = 64
_CELLS = 4
_BINS = 16
_ORIENTATIONS = 8
NAME = "handcrafted"
FEATURE_COUNT = 3 * _BINS + 3 * _CELLS**2 + _ORIENTATIONS * _CELLS**2

_SQUARE = Preprocessing(
    size=_SIDE,
    resize="stretch",
    channels=3,
    interpolation="bilinear",
    crop_share=1.0,
    normalization=Normalization((0.0,) * 3, (1.0,) * 3),
)


def described_file(path: Path) -> NDArray[np.float32]:
    """`described` of an image file.

    Raises:
        UnreadableImageError: If it cannot be decoded.
    """
    return described(read_square(path, _SQUARE))


def described(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The features of one image, float32 (224,): three blocks, each of Euclidean length 1 or 0.

    A histogram of each colour (16 bins), the mean colours of 4 x 4 cells less the image's own
    mean, and for each cell the strengths of edges in 8 directions (after Dalal and Triggs 2005).

    >>> described(np.zeros((3, 64, 64), np.uint8)).shape
    (224,)

    Args:
        image: Shape (3, 64, 64), uint8.
    """
    pixels = image.astype(np.float32) / 255.0
    blocks = (_histogram(image), _layout(pixels), _edges(pixels.mean(axis=0)))
    return np.concatenate([_unit(block) for block in blocks])


def _histogram(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    bins = image.reshape(3, -1) // (256 // _BINS) + np.arange(3)[:, None] * _BINS
    counts = np.bincount(bins.ravel(), minlength=3 * _BINS)
    return np.sqrt(counts).astype(np.float32)  # Hellinger: common colours must not drown the rest


def _layout(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    step = _SIDE // _CELLS
    cells = pixels.reshape(3, _CELLS, step, _CELLS, step).mean(axis=(2, 4))
    deviations: NDArray[np.float32] = cells - cells.mean(axis=(1, 2), keepdims=True)
    return deviations.ravel()


def _edges(grey: NDArray[np.float32]) -> NDArray[np.float32]:
    down, right = np.gradient(grey)
    strength = np.hypot(down, right)
    turn = np.arctan2(down, right) % np.pi / np.pi  # opposite contrasts are the same edge
    direction = np.minimum((turn * _ORIENTATIONS).astype(np.int64), _ORIENTATIONS - 1)
    cell = np.arange(_SIDE) // (_SIDE // _CELLS)
    place = (cell[:, None] * _CELLS + cell[None, :]) * _ORIENTATIONS + direction
    sums = np.bincount(place.ravel(), weights=strength.ravel(), minlength=_CELLS**2 * _ORIENTATIONS)
    return np.sqrt(sums).astype(np.float32)


def _unit(block: NDArray[np.float32]) -> NDArray[np.float32]:
    length = float(np.linalg.norm(block))
    return block / np.float32(length) if length > 1e-6 else np.zeros_like(block)
