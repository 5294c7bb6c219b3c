"""Squares of two photographs as data sets, healthy and sick, for the pages of docs/findings."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from sklearn.datasets import load_sample_images

Pixels = NDArray[np.uint8]

SIDE = 48
"""Pixels of the squares that photographs are cut into."""

FLAT = 15.0
"""Standard deviation of the grey levels of a square, below which it shows nothing: sky."""


def write_images(folder: Path, images: Iterable[tuple[str, Pixels]]) -> None:
    """PNG files by their path below the folder, without its ending."""
    for name, pixels in images:
        path = folder / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)


def photographs(folder: Path) -> None:
    """Squares of a temple and of a flower, side by side."""
    write_images(folder, _squares())


def large_photographs(folder: Path) -> None:
    """Larger squares of both."""
    write_images(folder, _squares(140))


def _squares(side: int = SIDE) -> Iterable[tuple[str, Pixels]]:
    for name, picture in zip(("temple", "flower"), load_sample_images().images, strict=True):
        for top in range(0, picture.shape[0] - side, side):
            for left in range(0, picture.shape[1] - side, side):
                square = picture[top : top + side, left : left + side]
                if square.mean(axis=2).std() > FLAT:
                    yield f"{name}/{top}_{left}", square


def nearly_copied_photographs(folder: Path) -> None:
    """Twelve squares are there again, a little brighter and cut."""
    photographs(folder)
    write_images(
        folder,
        (
            (f"{name}_edited", (square[2:-2, 2:-2] * 0.9 + 25).astype(np.uint8))
            for number, (name, square) in enumerate(_squares())
            if number % 16 == 0
        ),
    )


def odd_photographs(folder: Path) -> None:
    """Two pictures of nothing: noise, and a blank page."""
    photographs(folder)
    noise = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    blank = np.full((SIDE, SIDE, 3), 250, np.uint8)
    write_images(folder, (("temple/noise", noise), ("temple/blank", blank)))


def photographs_of_two_sizes(folder: Path) -> None:
    """Every fourth one is six times as large."""
    photographs(folder)
    for path in sorted(folder.glob("*/*.png"))[::4]:
        Image.open(path).resize((6 * SIDE, 6 * SIDE)).save(path)


def tiny_photographs(folder: Path) -> None:
    """Brought to 8 pixels."""
    photographs(folder)
    for path in folder.glob("*/*.png"):
        Image.open(path).resize((8, 8)).save(path)
