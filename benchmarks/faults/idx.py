"""Images packed into IDX files, the format that MNIST came in."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

CLASSES = (
    "t-shirt",
    "trouser",
    "pullover",
    "dress",
    "coat",
    "sandal",
    "shirt",
    "sneaker",
    "bag",
    "boot",
)
"""Of Fashion-MNIST, by class number."""

MOST = 1000
"""Of a class of the larger part: more than any set needs."""


def garments(
    folder: Path, classes: Sequence[str], side: int, *, part: str = "t10k"
) -> list[dict[str, NDArray[np.uint8]]]:
    """Of each class its images (28, 28), by their number in the file.

    Args:
        folder: PART-images-idx3-ubyte.gz and PART-labels-idx1-ubyte.gz.
        classes: Of `CLASSES`.
        side: Of an image; 28, which they have.
        part: "t10k" (1,000 images a class) or "train" (6,000).

    Raises:
        ValueError: If another side is asked for.
    """
    pixels = unpacked(folder / f"{part}-images-idx3-ubyte.gz")
    labels = unpacked(folder / f"{part}-labels-idx1-ubyte.gz")
    if pixels.shape[1:] != (side, side):
        message = f"The images are {pixels.shape[1:]}, not ({side}, {side})."
        raise ValueError(message)
    return [
        {str(row): pixels[row] for row in np.flatnonzero(labels == CLASSES.index(name))}
        for name in classes
    ]


def more_garments(
    folder: Path, classes: Sequence[str], side: int
) -> list[dict[str, NDArray[np.uint8]]]:
    """The first of each class in the larger part."""
    found = garments(folder, classes, side, part="train")
    return [dict(list(images.items())[:MOST]) for images in found]


def last_garments(
    folder: Path, classes: Sequence[str], side: int
) -> list[dict[str, NDArray[np.uint8]]]:
    """The last of each class in the larger part, which are none of the first."""
    found = garments(folder, classes, side, part="train")
    return [dict(list(images.items())[MOST:][-MOST:]) for images in found]


def unpacked(file: Path) -> NDArray[np.uint8]:
    """What an IDX file of bytes holds: two zeros, type 8, the number of axes, each length as
    four bytes (big endian), the values (LeCun, Cortes and Burges 1998).

    Raises:
        ValueError: If it holds something else.
    """
    content = gzip.decompress(file.read_bytes())
    if content[:3] != b"\x00\x00\x08":
        message = f"{file.name} begins with {content[:3]!r}: these are no bytes."
        raise ValueError(message)
    axes = content[3]
    shape = np.frombuffer(content, ">i4", axes, offset=4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * axes).reshape(shape)
