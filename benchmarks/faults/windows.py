"""Squares cut from pictures with masks: what is to be told is what the square shows.

Each function takes the folder of a set, classes and the side of a window in pixels, and gives the
windows of each class by the name of what they were cut from.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from phoropter.core.seed import generator

Windows = dict[str, NDArray[np.uint8]]

BY_DAY = "*[!P]_*"
"""CamVid's pictures without those of one video, taken at dusk, which are all but black."""

PURE = 0.8
"""Of a window's pixels, at least, that are of its class."""

FLAT = 5.0
"""Standard deviation of grey levels below which a window shows nothing: bare asphalt."""


def surfaces(
    folder: Path, classes: Sequence[str], side: int, *, names: str = BY_DAY
) -> list[Windows]:
    """Of each class windows (side, side, 3), one a picture at most, nearly all of that class.

    Args:
        folder: PART/images/NAME.jpg, PART/masks/NAME.png with class numbers, and classes.txt.
        classes: Their names in classes.txt.
        side: Of a window, pixels.
        names: Of the pictures that are read.
    """
    lines = (folder / "classes.txt").read_text().splitlines()
    numbers = {name: int(number) for number, name in map(str.split, lines)}
    found: list[Windows] = [{} for _ in classes]
    for path in sorted(folder.glob(f"*/images/{names}")):
        picture = _read(path, "RGB")
        mask = _read(path.parents[1] / "masks" / f"{path.stem}.png", "L")
        for windows, name in zip(found, classes, strict=True):
            places = np.argwhere(_shares(mask == numbers[name], side) >= PURE)
            if len(places):
                row, column = generator(0, path.stem, name).choice(places)
                window = picture[row : row + side, column : column + side]
                if window.mean(axis=2).std() >= FLAT:
                    windows[path.stem] = window
    return found


def cells(folder: Path, classes: Sequence[str], side: int, *, most: int = 32) -> list[Windows]:
    """Grey windows (side, side) with a cell in the middle, and those with its edge there.

    Each is brought to the full range of grey, since some microscopes saw hardly anything. A cell is
    the middle of one window, but those beside it may show it as well. Cells that do not fit into a
    window, or are shorter than a third of it, are left out.

    Args:
        folder: PART/PICTURE/images/NAME.png, and in PART/PICTURE/masks a mask for each cell.
        classes: "middle" and "edge".
        side: Of a window, pixels.
        most: Cells of a picture, the first by the names of their masks.

    Raises:
        ValueError: If other classes are asked for.
    """
    if tuple(classes) != ("middle", "edge"):
        message = f"Cells are told by 'middle' and 'edge', not {classes!r}."
        raise ValueError(message)
    middles: Windows = {}
    edges: Windows = {}
    for path in sorted(folder.glob("*/*/images/*")):
        picture = _read(path, "L")
        for number, place in enumerate(sorted(path.parents[1].glob("masks/*"))[:most]):
            cell = np.argwhere(_read(place, "L"))
            spot, kind = cell.mean(axis=0), middles
            if number % 2:
                spot, kind = generator(0, place.stem).choice(_edge(cell)), edges
            lengths = np.ptp(cell, axis=0) + 1
            row, column = spot.astype(np.int64) - side // 2
            window = picture[max(row, 0) : row + side, max(column, 0) : column + side]
            if window.shape == (side, side) and min(lengths) >= side / 3 and max(lengths) <= side:
                kind[place.stem] = _stretched(window)
    return [middles, edges]


def _edge(cell: NDArray[np.int64]) -> NDArray[np.int64]:
    """Of the places (n, 2) of a cell those beside a place that is none of them."""
    places = set(map(tuple, cell.tolist()))
    beside = ((0, 1), (1, 0), (0, -1), (-1, 0))
    inner = [all((r + a, c + b) in places for a, b in beside) for r, c in cell.tolist()]
    return cell[~np.array(inner)]


def _stretched(window: NDArray[np.uint8]) -> NDArray[np.uint8]:
    least, span = int(window.min()), max(1, int(np.ptp(window)))
    return ((window - least) * 255.0 / span).round().astype(np.uint8)


def _shares(wanted: NDArray[np.bool_], side: int) -> NDArray[np.float64]:
    """(h - side + 1, w - side + 1): of each window, by its upper left corner, what is wanted."""
    total = np.pad(wanted, ((1, 0), (1, 0))).cumsum(axis=0).cumsum(axis=1)
    within = total[side:, side:] - total[:-side, side:] - total[side:, :-side]
    return (within + total[:-side, :-side]) / side**2


def _read(path: Path, mode: str) -> NDArray[np.uint8]:
    with Image.open(path) as image:
        return np.asarray(image.convert(mode) if image.mode != "P" else image)
