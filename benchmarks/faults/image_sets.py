"""Small sets of real images, in three parts, as arrays; written as folders the way users have them.

The digits are built in; the others are found in a folder that the command line names. Those of the
half called "tune" and of the half called "report" share no image; of cifar10_small each set has
classes or images of its own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from sources import SOURCES, Source

from phoropter.core.seed import generator

PARTS = ("train", "val", "test")


@dataclass(frozen=True, eq=False)
class Part:
    """Pixels (n, h, w) or (n, h, w, 3), uint8, and class numbers (n,)."""

    pixels: NDArray[np.uint8]
    labels: NDArray[np.int64]

    def at(self, rows: NDArray[np.int64] | NDArray[np.bool_]) -> Part:
        """Some of the images."""
        return Part(self.pixels[rows], self.labels[rows])


@dataclass(frozen=True, eq=False)
class ImageSet:
    """A set in three parts.

    Args:
        name: Of the set, and of what was done to it.
        classes: By class number.
        parts: "train", "val" and "test".
    """

    name: str
    classes: tuple[str, ...]
    parts: Mapping[str, Part]

    def with_part(self, name: str, part: Part, *, called: str) -> ImageSet:
        """A copy in which one part is another one."""
        return ImageSet(called, self.classes, {**self.parts, name: part})


def load(name: str, data: Path | None) -> ImageSet:
    """One of `SOURCES`; the draw of its parts is always the same."""
    source = SOURCES[name]
    pools = _pools(source, Path(data or "") / source.folder)
    chosen: dict[str, list[tuple[NDArray[np.uint8], int]]] = {part: [] for part in PARTS}
    for label, pool in enumerate(pools):
        order = generator(0, name, label).permutation(len(pool))
        if len(order) < sum(source.counts):
            raise SystemExit(f"{name}: class {source.classes[label]!r} has {len(order)} images.")
        first = 0
        for part, count in zip(PARTS, source.counts, strict=True):
            chosen[part] += [(pool[row], label) for row in order[first : first + count]]
            first += count
    parts = {
        part: Part(np.stack([p for p, _ in rows]), np.array([label for _, label in rows]))
        for part, rows in chosen.items()
    }
    return ImageSet(name, source.classes, parts)


def write(images: ImageSet, folder: Path) -> Path:
    """PART/CLASS/NUMBER.png; names and order within a class say nothing of the images."""
    for name, part in images.parts.items():
        for label in images.classes:
            (folder / name / label).mkdir(parents=True, exist_ok=True)
        for number, (pixels, label) in enumerate(zip(part.pixels, part.labels, strict=True)):
            place = folder / name / images.classes[label] / f"{number:05d}.png"
            Image.fromarray(pixels).save(place)
    return folder


def changed(
    images: ImageSet, parts: tuple[str, ...], change: Callable[[Part], Part], *, called: str
) -> ImageSet:
    """A copy in which these parts are what `change` makes of them."""
    made = {name: change(part) if name in parts else part for name, part in images.parts.items()}
    return ImageSet(f"{images.name}-{called}", images.classes, made)


def _pools(source: Source, folder: Path) -> list[NDArray[np.uint8]]:
    if not source.folder:
        return _digits()
    if source.windows is None:
        return _files(source, folder)
    pools = []
    found = source.windows(folder, source.classes, source.side)
    for name, windows in zip(source.classes, found, strict=True):
        kept = [window for key, window in windows.items() if f"{name}/{key}" not in source.copies]
        pools.append(_distinct(np.stack(kept), source.alike))
    return pools


def _digits() -> list[NDArray[np.uint8]]:
    from sklearn.datasets import load_digits

    found = load_digits()
    pixels = (found.images / 16 * 255).round().astype(np.uint8)
    return [pixels[found.target == label] for label in range(10)]


def _files(source: Source, folder: Path) -> list[NDArray[np.uint8]]:
    """Of each class; of copies (equal bytes), which the collections hold, one is taken."""
    pools = []
    for name in source.classes:
        found = (path for path in folder.glob(source.places.format(name)) if path.suffix != ".gif")
        paths = sorted(path for path in found if f"{name}/{path.name}" not in source.copies)
        first = {hashlib.sha256(path.read_bytes()).digest(): path for path in reversed(paths)}
        distinct = sorted(first.values())[source.skipped :]
        kept = distinct[: sum(source.counts) * 2]
        pools.append(_distinct(np.stack([_decoded(path, source) for path in kept]), source.alike))
    return pools


def _distinct(pixels: NDArray[np.uint8], alike: float) -> NDArray[np.uint8]:
    """Without images that resemble an earlier one."""
    grey = pixels.reshape(*pixels.shape[:3], -1).mean(axis=3).reshape(len(pixels), -1)
    grey = grey - grey.mean(axis=1, keepdims=True)
    grey /= np.linalg.norm(grey, axis=1, keepdims=True) + 1e-9
    return pixels[(np.tril(grey @ grey.T, -1).max(axis=1) < alike)]


def _decoded(path: Path, source: Source) -> NDArray[np.uint8]:
    """The largest square in the middle, brought to the side."""
    with Image.open(path) as image:
        picture = image.convert("L" if source.grey else "RGB")
    short = min(picture.size)
    left, top = ((length - short) // 2 for length in picture.size)
    square = picture.crop((left, top, left + short, top + short))
    side = (source.side, source.side)
    return np.asarray(square.resize(side, Image.Resampling.BICUBIC, reducing_gap=3.0))
