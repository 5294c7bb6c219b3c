"""YOLO: a text file an image, and data.yaml."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import yaml

from phoropter.core.files import write_text
from phoropter.data.parts import part_of
from phoropter.data.writing import (
    Lost,
    Plan,
    WrittenImage,
    WrittenObject,
    number_text,
    tallied,
)

DIGITS = 8
"""Decimals of a coordinate, as a share of the image's width or height."""

_DERIVED = {"id", "area"}


def image_path(image: WrittenImage) -> str:
    """`images/PART/NAME`, or `images/NAME` for one without part."""
    return f"images/{image.part}/{image.name}" if image.part else f"images/{image.name}"


def write(plan: Plan, folder: Path) -> Iterable[Lost]:
    """Writes `labels/PART/STEM.txt` for each image, empty where nothing is in it, and data.yaml.

    Lines are polygons where every object has exactly one, else boxes: programs that read such files
    do not expect both.
    """
    lost: Counter[tuple[str, str]] = Counter()
    as_polygons = _all_polygons(plan)
    for image in plan.images:
        lines = []
        for item in plan.objects.get(image.id, ()):
            _count_lost(item, lost, as_polygons=as_polygons)
            if not item.crowd:
                values = _polygon(item, image) if as_polygons else _box(item, image)
                lines.append(" ".join([str(item.label), *values]))
        place = folder / "labels" / image.part / f"{image.stem}.txt"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    write_text(folder / "data.yaml", _config(plan))
    if plan.class_ids:
        lost["numbers of classes", "they are 0, 1, 2, ... in their order"] = len(plan.classes)
    if any(image.source_id for image in plan.images):
        lost["numbers of images", "a file is known by its name"] = len(plan.images)
    why = "data.yaml names no folder for them: divide them before training"
    lost["images of no part", why] = sum(not part_of(image.part) for image in plan.images)
    return tallied(lost)


def _all_polygons(plan: Plan) -> bool:
    objects = [item for items in plan.objects.values() for item in items if not item.crowd]
    return bool(objects) and all(
        item.polygons is not None and len(item.polygons) == 1 and len(item.polygons[0]) >= 6
        for item in objects
    )


def _box(item: WrittenObject, image: WrittenImage) -> list[str]:
    x1, y1, x2, y2 = item.box
    return _texts(
        (
            (x1 + x2) / 2 / image.width,
            (y1 + y2) / 2 / image.height,
            (x2 - x1) / image.width,
            (y2 - y1) / image.height,
        )
    )


def _polygon(item: WrittenObject, image: WrittenImage) -> list[str]:
    [ring] = item.polygons or [[]]
    even = ring[: len(ring) // 2 * 2]
    return _texts(
        [value / (image.height if place % 2 else image.width) for place, value in enumerate(even)]
    )


def _texts(values: Sequence[float]) -> list[str]:
    return [number_text(value, DIGITS) for value in values]


def _count_lost(item: WrittenObject, lost: Counter[tuple[str, str]], *, as_polygons: bool) -> None:
    if item.crowd:
        lost["crowds", "left out: YOLO would take them for one object"] += 1
        return
    if item.polygons is not None and not as_polygons:
        lost["polygons", "not every object has exactly one; boxes are written"] += 1
    if item.rle is not None or item.mask_path is not None:
        lost["masks", "YOLO has none; boxes are written"] += 1
    if as_polygons:
        lost["boxes", "the one around the polygon is meant"] += not _around(item)
    if _DERIVED & set(item.extra):
        lost["numbers and areas of objects", "YOLO has none"] += 1
    for key in set(item.extra) - _DERIVED:
        lost[f"{key!r} of objects", "YOLO has no such field"] += 1


def _around(item: WrittenObject) -> bool:
    """Whether the box is the one around the polygon, to a pixel."""
    xs = [x for ring in item.polygons or () for x in ring[::2]]
    ys = [y for ring in item.polygons or () for y in ring[1::2]]
    around = (min(xs), min(ys), max(xs), max(ys))
    return all(abs(a - b) <= 1 for a, b in zip(around, item.box, strict=True))


def _config(plan: Plan) -> str:
    """data.yaml: the folders of the parts and the names of the classes."""
    folders: dict[str, list[str]] = {}
    for part in plan.parts:
        word = part_of(part)
        if word:
            folders.setdefault(word, []).append(f"images/{part}")
    said: dict[str, object] = {
        word: places[0] if len(places) == 1 else places for word, places in folders.items()
    }
    said |= {"nc": len(plan.classes), "names": dict(enumerate(plan.classes))}
    return yaml.safe_dump(said, sort_keys=False, allow_unicode=True)
