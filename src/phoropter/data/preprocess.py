"""From decoded pixels to the square a network sees: one code path for training and prediction."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from phoropter.core.records import Preprocessing
from phoropter.data.decode import decode

_FILTERS = {
    "bicubic": Image.Resampling.BICUBIC,
    "bilinear": Image.Resampling.BILINEAR,
}


def to_square(image: NDArray[np.uint8], preprocessing: Preprocessing) -> NDArray[np.uint8]:
    """The image as (channels, size, size) uint8; normalisation is left to the network's side.

    Reductions are antialiased. "crop" takes the centred square whose side is `crop_share` of the
    shorter side, "stretch" squashes the whole image, "letterbox" keeps its shape between bars
    that are black or mirror it.

    Args:
        image: Shape (h, w, 3) or (h, w, 1) or (h, w), uint8.
        preprocessing: What to make of it.

    >>> from phoropter.core.records import Normalization
    >>> how = Preprocessing(8, "crop", 3, "bilinear", 1.0, Normalization((0.5,), (0.5,)))
    >>> to_square(np.zeros((20, 30, 3), np.uint8), how).shape
    (3, 8, 8)
    """
    plain = image[..., 0] if image.ndim == 3 and image.shape[2] == 1 else image
    picture = Image.fromarray(plain).convert("L" if preprocessing.channels == 1 else "RGB")
    pixels = np.asarray(_squared(picture, preprocessing))
    planes = pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)
    return planes.copy(order="C")


def read_square(path: Path, preprocessing: Preprocessing) -> NDArray[np.uint8]:
    """The file as (channels, size, size) uint8: `decode`, then `to_square`.

    Raises:
        UnreadableImageError: If the file cannot be decoded.
    """
    return to_square(decode(path, min_side_px=side_needed(preprocessing)), preprocessing)


def side_needed(preprocessing: Preprocessing) -> int:
    """The shorter side, in pixels, below which a decoded image would have to be enlarged."""
    share = preprocessing.crop_share if preprocessing.resize == "crop" else 1.0
    return math.ceil(preprocessing.size / share)


def _squared(picture: Image.Image, preprocessing: Preprocessing) -> Image.Image:
    size = preprocessing.size
    kernel = _FILTERS[preprocessing.interpolation]
    width, height = picture.size
    if preprocessing.resize == "stretch":
        return picture.resize((size, size), kernel)
    if preprocessing.resize == "letterbox":
        scale = size / max(width, height)
        inner = (max(1, round(width * scale)), max(1, round(height * scale)))
        return _padded(picture.resize(inner, kernel), preprocessing)
    # Resizing only the part that is kept equals resizing all and cutting, but a 1200 x 10 strip
    # never becomes 26,880 pixels long on its way.
    side = min(width, height) * preprocessing.crop_share
    left, top = (width - side) / 2, (height - side) / 2
    return picture.resize((size, size), kernel, box=(left, top, left + side, top + side))


def _padded(picture: Image.Image, preprocessing: Preprocessing) -> Image.Image:
    """The picture in the middle of the square; where a side is odd, one pixel up or to the left."""
    size = preprocessing.size
    left, top = (size - picture.width) // 2, (size - picture.height) // 2
    if preprocessing.pad == "constant":
        square = Image.new(picture.mode, (size, size))
        square.paste(picture, (left, top))
        return square
    pixels = np.asarray(picture)
    beside = [
        (top, size - picture.height - top),
        (left, size - picture.width - left),
        *[(0, 0)] * (pixels.ndim - 2),
    ]
    if preprocessing.pad == "reflect":
        return Image.fromarray(np.pad(pixels, beside, mode="reflect"))
    return Image.fromarray(np.pad(pixels, beside, mode="symmetric"))
