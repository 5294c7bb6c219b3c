"""Letters, drawn with the fonts of a folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFont

NO_LETTERS = frozenset(
    [
        "3dlet",
        "90stars",
        "bin01st",
        "bitbttf",
        "codelife",
        "fauxsnow",
        "graze",
        "hdmaker",
        "konecto1",
        "lineding",
        "nucleus",
        "numskull",
        "pindown",
        "qbicle1",
        "snailets",
        "symmetry",
        "tearful",
        "unrespon",
        "vertigo",
        "weaver",
        "xmaslght",
    ]
)
"""Brian Kent's fonts whose letters can hardly be read: stars, cubes, skulls, turned, or tiny."""


def letters(folder: Path, classes: Sequence[str], side: int) -> list[dict[str, NDArray[np.uint8]]]:
    """Of each letter its white shapes on black (side, side), one a family of fonts, by its file.

    It fills the image but for an eighth of its side.

    Args:
        folder: NAME.ttf.
        classes: Capital letters.
        side: Of an image, pixels.
    """
    found: list[dict[str, NDArray[np.uint8]]] = [{} for _ in classes]
    families: set[str] = set()
    for path in sorted(folder.glob("*.ttf")):
        font = ImageFont.truetype(path, 4 * side)
        family = str(font.getname()[0]).split()[0].lower()
        if path.stem in NO_LETTERS or family in families:
            continue
        families.add(family)
        for images, letter in zip(found, classes, strict=True):
            shape = shape_of(font, letter)
            if shape.size:
                images[path.stem] = fitted(shape, side)
    return found


def shape_of(font: ImageFont.FreeTypeFont, sign: str) -> NDArray[np.uint8]:
    """How dark a sign is drawn, grey (h, w) of just its size; nothing (0 pixels) for a blank."""
    mask = font.getmask(sign)
    return np.frombuffer(bytes(mask), np.uint8).reshape(mask.size[::-1])


def fitted(shape: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """A grey shape (h, w) in the middle of a square (side, side), brought to its size."""
    inner = side - side // 8
    picture = Image.fromarray(shape)
    scale = inner / max(picture.size)
    size = tuple(max(1, round(length * scale)) for length in picture.size)
    square = Image.new("L", (side, side))
    place = tuple((side - length) // 2 for length in size)
    square.paste(picture.resize(size, Image.Resampling.LANCZOS), place)
    return np.asarray(square)
