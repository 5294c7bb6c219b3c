"""Squares cut from photographs of textures, and from those with boxes.

Each function takes the folder of a set, classes and the side of a square in pixels, and gives the
squares of each class by the name of what they were cut from.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Crops = dict[str, NDArray[np.uint8]]
Box = tuple[int, int, int, int]

SMALLEST = 60
"""Pixels: a square beside all boxes that is smaller shows little."""

FLAT = 24
"""Of 255, between the darkest and the lightest pixel: a square of one colour shows nothing."""


def textures(folder: Path, classes: Sequence[str], side: int) -> list[Crops]:
    """Of each class grey tiles (side, side) of its photograph, NAME.png, which do not overlap."""
    found: list[Crops] = []
    for name in classes:
        with Image.open(folder / f"{name}.png") as image:
            pixels = np.asarray(image.convert("L"))
        rows, columns = (range(0, length - side + 1, side) for length in pixels.shape)
        found.append(
            {
                f"{row}-{column}": pixels[row : row + side, column : column + side]
                for row in rows
                for column in columns
            }
        )
    return found


def boxes(folder: Path, _: Sequence[str], side: int) -> list[Crops]:
    """What the boxes of photographs hold, (side, side, 3), and a square beside them.

    A box is widened to a square, as far as the photograph goes; the square beside is the largest
    at one of the four edges that touches no box.

    Args:
        folder: images/NAME.jpg and annotations/NAME.xml (Pascal VOC).
        _: Names for the two.
        side: That squares are brought to.
    """
    inside: Crops = {}
    beside: Crops = {}
    for path in sorted((folder / "annotations").glob("*.xml")):
        tree = ET.parse(path)
        with Image.open(folder / "images" / f"{path.stem}.jpg") as image:
            picture = image.convert("RGB")
        held = list(_boxes(tree))
        for number, box in enumerate(held):
            inside[f"{path.stem}-{number}"] = _cut(picture, _squared(box, picture.size), side)
        free = _beside(held, picture.size)
        square = _cut(picture, free, side)
        if min(free[2] - free[0], free[3] - free[1]) >= SMALLEST and np.ptp(square) > FLAT:
            beside[path.stem] = square
    return [inside, beside]


def _boxes(tree: ET.ElementTree[ET.Element]) -> Iterator[Box]:
    for found in tree.iter("bndbox"):
        left, top, right, bottom = (
            int(found.findtext(edge, "")) for edge in ("xmin", "ymin", "xmax", "ymax")
        )
        yield left, top, right, bottom


def _squared(box: Box, size: tuple[int, int]) -> Box:
    """The square around the middle of a box, moved into the picture; smaller where that is."""
    left, top, right, bottom = box
    side = min(max(right - left, bottom - top), *size)
    x = min(max((left + right - side) // 2, 0), size[0] - side)
    y = min(max((top + bottom - side) // 2, 0), size[1] - side)
    return x, y, x + side, y + side


def _beside(boxes: Sequence[Box], size: tuple[int, int]) -> Box:
    """The largest square at an edge of the picture, in the middle of it, that touches no box."""
    width, height = size
    left, top = (min(box[axis] for box in boxes) for axis in (0, 1))
    right, bottom = (max(box[axis] for box in boxes) for axis in (2, 3))
    strips = (
        (0, 0, left, height),
        (right, 0, width, height),
        (0, 0, width, top),
        (0, bottom, width, height),
    )
    x, y, x2, y2 = max(strips, key=lambda box: min(box[2] - box[0], box[3] - box[1]))
    side = min(x2 - x, y2 - y)
    x, y = (x + x2 - side) // 2, (y + y2 - side) // 2
    return x, y, x + side, y + side


def _cut(picture: Image.Image, box: Box, side: int) -> NDArray[np.uint8]:
    square = picture.crop(box).resize((side, side), Image.Resampling.BICUBIC, reducing_gap=3.0)
    return np.asarray(square)
