"""Scenes with boxes and masks that need no network: real handwritten digits on a noisy ground."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from phoropter.core.seed import generator
from phoropter.data.rle import area_of, counts_of, extent_of, packed

SIDE = 96
SCENES = {"train": 240, "val": 80, "test": 80}
WRITTEN = {"train": (0.0, 0.6), "val": (0.6, 0.8), "test": (0.8, 1.0)}
"""The stretch of scikit-learn's digits that each part is made of. They follow each other writer by
writer, so that other hands have written what is held out."""

FEWEST, MOST = 2, 6
SMALLEST, LARGEST = 14, 36
"""Height of a digit before its margins are cut, pixels."""

VISIBLE = 0.6
"""Share of a digit that later ones leave in sight at least."""

INK = 0.35
"""Share of full ink from which a pixel belongs to the digit."""

_TRIES = 30

Pixels = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """One picture and the digits in it.

    Args:
        pixels: Colours in [0, 255], shape (`SIDE`, `SIDE`, 3), uint8.
        digits: What they are.
        masks: Where each is in sight, shape (`SIDE`, `SIDE`) each.
        visible: Share of each that is.
    """

    pixels: NDArray[np.uint8]
    digits: tuple[int, ...]
    masks: tuple[Mask, ...]
    visible: tuple[float, ...]


def write_digit_scenes(folder: Path) -> None:
    """Writes 400 scenes and COCO files train.json, val.json and test.json into a folder.

    Each holds two to six digits of other sizes and colours, which may cover each other in part;
    what is annotated is what is in sight: a box and a mask (run lengths) for each.
    """
    from PIL import Image
    from sklearn.datasets import load_digits

    bunch = load_digits()
    for part, count in SCENES.items():
        low, high = (round(share * len(bunch.target)) for share in WRITTEN[part])
        (folder / part).mkdir()
        content = _empty_file()
        for number in range(count):
            rng = generator(0, "digit-scenes", part, number)
            scene = compose(bunch.images[low:high] / 16, bunch.target[low:high], rng)
            name = f"{number:04d}.png"
            Image.fromarray(scene.pixels).save(folder / part / name)
            _annotate(content, scene, name)
        (folder / f"{part}.json").write_text(json.dumps(content), encoding="utf-8")


def compose(images: Pixels, labels: NDArray[np.int64], rng: np.random.Generator) -> Scene:
    """A scene of some of the digits.

    Args:
        images: Ink in [0, 1], shape (n, 8, 8).
        labels: What each is, shape (n,).
        rng: Draws everything.
    """
    canvas = _ground(rng)
    masks: list[Mask] = []
    areas: list[int] = []
    digits: list[int] = []
    wanted = int(rng.integers(FEWEST, MOST + 1))
    for _ in range(_TRIES):
        if len(digits) == wanted:
            break
        row = int(rng.integers(len(images)))
        ink = _grown(images[row], int(rng.integers(SMALLEST, LARGEST + 1)))
        height, width = ink.shape
        top, left = rng.integers(0, SIDE - height + 1), rng.integers(0, SIDE - width + 1)
        mask = np.zeros((SIDE, SIDE), dtype=np.bool_)
        place = (slice(top, top + height), slice(left, left + width))
        mask[place] = ink >= INK
        left_over = [seen & ~mask for seen in masks]
        if any(now.sum() < VISIBLE * area for now, area in zip(left_over, areas, strict=True)):
            continue
        colour = rng.uniform(120, 255, 3)
        shade = np.clip(ink / INK - 0.5, 0, 1)[..., None]
        canvas[place] = (1 - shade) * canvas[place] + shade * colour
        masks = [*left_over, mask]
        areas.append(int(mask.sum()))
        digits.append(int(labels[row]))
    pixels = np.clip(canvas + rng.normal(0, 6, canvas.shape), 0, 255).astype(np.uint8)
    visible = tuple(float(seen.sum() / area) for seen, area in zip(masks, areas, strict=True))
    return Scene(pixels, tuple(digits), tuple(masks), visible)


def _ground(rng: np.random.Generator) -> Pixels:
    """A dark ground whose colour changes slowly."""
    corners = rng.uniform(0, 90, (2, 2, 3))
    along = np.linspace(0, 1, SIDE)
    rows = corners[0][None] * (1 - along)[:, None, None] + corners[1][None] * along[:, None, None]
    return np.asarray(rows[:, :1] * (1 - along)[None, :, None] + rows[:, 1:] * along[None, :, None])


def _grown(image: Pixels, height: int) -> Pixels:
    """The ink of a digit at another size, without its empty margins."""
    from PIL import Image

    large = Image.fromarray(image.astype(np.float32)).resize(
        (height, height), Image.Resampling.BICUBIC
    )
    ink = np.asarray(large, dtype=np.float64)
    rows = np.flatnonzero((ink >= INK).any(axis=1))
    columns = np.flatnonzero((ink >= INK).any(axis=0))
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _empty_file() -> dict[str, list[dict[str, Any]]]:
    categories = [{"id": digit, "name": str(digit)} for digit in range(10)]
    return {"images": [], "annotations": [], "categories": categories}


def _annotate(content: dict[str, list[dict[str, Any]]], scene: Scene, name: str) -> None:
    image = len(content["images"]) + 1
    content["images"].append({"id": image, "file_name": name, "height": SIDE, "width": SIDE})
    for digit, mask, share in zip(scene.digits, scene.masks, scene.visible, strict=True):
        counts = counts_of(mask)
        x1, y1, x2, y2 = extent_of(counts, SIDE) or (0.0, 0.0, 0.0, 0.0)
        content["annotations"].append(
            {
                "id": len(content["annotations"]) + 1,
                "image_id": image,
                "category_id": digit,
                "bbox": [x1, y1, x2 - x1, y2 - y1],
                "area": area_of(counts),
                "iscrowd": 0,
                "visible": round(share, 3),
                "segmentation": {"size": [SIDE, SIDE], "counts": packed(counts)},
            }
        )
