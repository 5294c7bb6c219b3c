"""Signs of scripts and icons, drawn with fonts that have hundreds of them.

Each function takes the folder of a set, classes and the side of an image in pixels, and gives the
images (side, side), white on black, of each class by what they were drawn from.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from glyphs import fitted, shape_of
from numpy.typing import NDArray
from PIL import ImageFont

Drawn = dict[str, NDArray[np.uint8]]

SCRIPTS: Mapping[str, tuple[str, tuple[tuple[int, int], ...]]] = {
    "hieroglyphs": ("SansEgyptianHieroglyphs", ((0x13000, 0x1342F),)),
    "cuneiform": ("SansCuneiform", ((0x12000, 0x1239A), (0x12480, 0x12544))),
    "yi": ("SansYi", ((0xA000, 0xA48D),)),
    "tangut": ("SerifTangut", ((0x17000, 0x17400),)),
}
"""Noto's font of a script, and the code points of its signs, the last of a range left out."""

NO_SIGN = "\U0003fffd"
"""No font has it: what is drawn for it stands for all that a font lacks."""


def scripts(folder: Path, classes: Sequence[str], side: int) -> list[Drawn]:
    """Of each script its signs, by their code points in hexadecimal digits.

    Args:
        folder: NotoFONT-Regular.ttf.
        classes: Of `SCRIPTS`.
        side: Of an image, pixels.
    """
    found: list[Drawn] = []
    for name in classes:
        file, ranges = SCRIPTS[name]
        font = ImageFont.truetype(folder / f"Noto{file}-Regular.ttf", 4 * side)
        lacking = shape_of(font, NO_SIGN)
        codes = (code for span in ranges for code in range(*span))
        shapes = {f"{code:05x}": shape_of(font, chr(code)) for code in codes}
        found.append(
            {
                code: fitted(shape, side)
                for code, shape in shapes.items()
                if shape.size and not np.array_equal(shape, lacking)
            }
        )
    return found


def icons(folder: Path, classes: Sequence[str], side: int) -> list[Drawn]:
    """Filled icons and outlined ones, by their names: of each thing one of the two, in turn.

    Args:
        folder: css/materialdesignicons.css and fonts/materialdesignicons-webfont.ttf.
        classes: "filled" and "outline".
        side: Of an image, pixels.

    Raises:
        ValueError: If other classes are asked for.
    """
    if tuple(classes) != ("filled", "outline"):
        message = f"Icons are told by 'filled' and 'outline', not {classes!r}."
        raise ValueError(message)
    rules = (folder / "css" / "materialdesignicons.css").read_text()
    codes = dict(re.findall(r'\.mdi-([\w-]+)::before \{\s*content: "\\(\w+)"', rules))
    font = ImageFont.truetype(folder / "fonts" / "materialdesignicons-webfont.ttf", 4 * side)
    found: list[Drawn] = [{}, {}]
    for number, name in enumerate(sorted(n for n in codes if f"{n}-outline" in codes)):
        drawn = name if number % 2 == 0 else f"{name}-outline"
        found[number % 2][drawn] = fitted(shape_of(font, chr(int(codes[drawn], 16))), side)
    return found
