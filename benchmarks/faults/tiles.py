"""Tiles of a game, packed one after the other into a file."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

FILE = "crossfire.base"

KINDS: Mapping[str, tuple[str, ...]] = {
    "wall": ("wall",),
    "creature": ("monster", "player"),
}
"""The folders that the tiles of a class come from."""

FLAT = 20.0
"""Standard deviation of grey levels below which a tile shows next to nothing."""


def tiles(folder: Path, classes: Sequence[str], side: int) -> list[dict[str, NDArray[np.uint8]]]:
    """Of each class tiles of the game Crossfire (side, side, 3) on black, by their names.

    Of a thing that is shown several times (as it moves), the first tile is taken. Those of another
    size, which are large things or parts of them, are left out.

    Args:
        folder: `FILE`.
        classes: Of `KINDS`.
        side: Of a tile, pixels: 32.
    """
    found: dict[str, dict[str, NDArray[np.uint8]]] = {name: {} for name in classes}
    kinds = {part: name for name in classes for part in KINDS[name]}
    for place, content in unpacked((folder / FILE).read_bytes()):
        _, _, part, *_, file = place.split("/")
        name = file.partition(".")[0]
        images = found.get(kinds.get(part, ""), {})
        if name not in images:
            with Image.open(io.BytesIO(content)) as image:
                pixels = _on_black(image)
            if pixels.shape == (side, side, 3) and pixels.mean(axis=2).std() >= FLAT:
                images[name] = pixels
    return list(found.values())


def unpacked(content: bytes) -> Iterator[tuple[str, bytes]]:
    """The name and the bytes of each picture: a line "IMAGE LENGTH NAME", then so many bytes."""
    start = 0
    while start < len(content):
        end = content.index(b"\n", start)
        _, length, name = content[start:end].decode().split()
        start = end + 1 + int(length)
        yield name, content[end + 1 : start]


def _on_black(image: Image.Image) -> NDArray[np.uint8]:
    shown = image.convert("RGBA")
    ground = Image.new("RGBA", shown.size, "black")
    return np.asarray(Image.alpha_composite(ground, shown).convert("RGB"))
