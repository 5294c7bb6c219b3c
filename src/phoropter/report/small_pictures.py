"""Small versions of many pictures: single files, one sheet of all, and means of classes."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from phoropter.report.look_content import Sheet

CELL_PX = 44
"""Side of a picture on the sheet."""

SIDE_PX = 112
"""Longer side of a picture on its own."""

ANNOTATED_PX = 224
"""The same of a picture with objects or a mask on it, which are finer than what they are of."""

MEAN_PX = 64
_QUALITY = 72
_COLUMNS = 40
_GROUND = (128, 128, 128)

_PALETTE = np.array(
    [
        (59, 120, 184), (217, 130, 43), (63, 154, 98), (196, 69, 60), (135, 100, 184),
        (140, 109, 79), (207, 111, 168), (111, 143, 31), (22, 163, 176), (201, 164, 0),
    ]
)  # fmt: skip
"""The colours k0 to k9 of the page's style sheet."""

_TINT = 0.55

Pixels = NDArray[np.uint8]


def webp(pixels: Pixels, *, side_px: int = SIDE_PX) -> bytes:
    """A WebP file of a picture (h, w, 3), its longer side `side_px`.

    Originals of less than half of that are enlarged without smoothing, so that single pixels can be
    seen.

    >>> webp(np.zeros((8, 8, 3), np.uint8))[:4]
    b'RIFF'
    """
    return _file(_fitted(Image.fromarray(pixels), side_px))


def cell(pixels: Pixels) -> Pixels:
    """A picture (h, w, 3) within a grey square of the sheet, (44, 44, 3)."""
    small = _fitted(Image.fromarray(pixels), CELL_PX)
    square = Image.new("RGB", (CELL_PX, CELL_PX), _GROUND)
    square.paste(small, ((CELL_PX - small.width) // 2, (CELL_PX - small.height) // 2))
    return np.asarray(square, dtype=np.uint8)


def squashed(pixels: Pixels) -> Pixels:
    """A picture (h, w, 3) stretched to the square that means are taken of, (64, 64, 3)."""
    image = Image.fromarray(pixels).resize((MEAN_PX, MEAN_PX), Image.Resampling.BOX)
    return np.asarray(image, dtype=np.uint8)


def tinted(pixels: Pixels, mask: NDArray[np.int32], colours: Mapping[int, int]) -> Pixels:
    """A picture (h, w, 3) under the colours of its mask, (h, w, 3).

    Args:
        pixels: The picture.
        mask: Values of its pixels, of any size; laid over the whole picture.
        colours: Number of the colour of each value; pixels of other values stay as they are.
    """
    rows = np.arange(pixels.shape[0]) * mask.shape[0] // pixels.shape[0]
    columns = np.arange(pixels.shape[1]) * mask.shape[1] // pixels.shape[1]
    fitted = mask[np.ix_(rows, columns)]
    mixed = pixels.astype(np.float64)
    for value, colour in colours.items():
        here = fitted == value
        mixed[here] = (1 - _TINT) * mixed[here] + _TINT * _PALETTE[colour]
    return np.rint(mixed).astype(np.uint8)


def sheet_of(cells: Mapping[str, Pixels]) -> Sheet | None:
    """All cells in one file, or None where there are none."""
    if not cells:
        return None
    columns = min(_COLUMNS, len(cells))
    rows = -(-len(cells) // columns)
    whole = np.full((rows * CELL_PX, columns * CELL_PX, 3), 128, dtype=np.uint8)
    for place, pixels in enumerate(cells.values()):
        top, left = place // columns * CELL_PX, place % columns * CELL_PX
        whole[top : top + CELL_PX, left : left + CELL_PX] = pixels
    places = {identifier: place for place, identifier in enumerate(cells)}
    return Sheet(_file(Image.fromarray(whole)), columns, rows, places)


def mean_of(pictures: Sequence[Pixels]) -> bytes:
    """A WebP file of the mean of pictures of one size, at least one."""
    total = np.zeros(pictures[0].shape, dtype=np.float64)
    for pixels in pictures:
        total += pixels
    return webp(np.rint(total / len(pictures)).astype(np.uint8))


def _fitted(image: Image.Image, side_px: int) -> Image.Image:
    scale = side_px / max(image.size)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return image.resize(size, Image.Resampling.NEAREST if scale > 2 else Image.Resampling.BICUBIC)


def _file(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "WEBP", quality=_QUALITY, method=2)
    return file.getvalue()
