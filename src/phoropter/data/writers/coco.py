"""COCO: a JSON file a part, images in a folder a part."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from phoropter.core.files import whole_file
from phoropter.data import rle
from phoropter.data.decode import decode_values
from phoropter.data.writing import Lost, Plan, WrittenImage, WrittenObject

DIGITS = 6
"""Decimals of a coordinate, in pixels."""

_OWN = {"id", "area", "image_id", "category_id", "bbox", "iscrowd", "segmentation"}


def image_path(image: WrittenImage) -> str:
    """`images/PART/NAME`, or `images/NAME` for one without part."""
    return f"images/{image.part}/{image.name}" if image.part else f"images/{image.name}"


def write(plan: Plan, folder: Path) -> Iterable[Lost]:
    """Writes `annotations/instances_PART.json`, or `instances.json` without parts."""
    numbers = _image_numbers(plan.images)
    annotations = _annotation_numbers(plan)
    class_ids = plan.class_ids or tuple(range(1, len(plan.classes) + 1))
    for part in plan.parts:
        images = [image for image in plan.images if image.part == part]
        name = f"instances_{part}.json" if part else "instances.json"
        document = {
            "images": [
                {
                    "id": numbers[image.id],
                    "file_name": image.name,
                    "height": image.height,
                    "width": image.width,
                }
                for image in images
            ],
            "annotations": [
                {
                    "id": next(annotations),
                    "image_id": numbers[image.id],
                    "category_id": class_ids[item.label],
                    **_annotation(item),
                }
                for image in images
                for item in plan.objects.get(image.id, ())
            ],
            "categories": [
                {"id": number, "name": name, "supercategory": ""}
                for number, name in zip(class_ids, plan.classes, strict=True)
            ],
        }
        with whole_file(folder / "annotations" / name) as partial:
            partial.write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")
    return ()


def _image_numbers(images: Iterable[WrittenImage]) -> dict[str, int]:
    """The source's numbers of the images where all have one and none twice, else 1, 2, 3, ..."""
    kept = list(images)
    given = [image.source_id or "" for image in kept]
    numbers = [int(text) for text in given if text.isascii() and text.isdigit()]
    if len(set(numbers)) != len(kept):
        numbers = list(range(1, len(kept) + 1))
    return {image.id: number for image, number in zip(kept, numbers, strict=True)}


def _annotation_numbers(plan: Plan) -> Iterator[int]:
    """The source's numbers of the objects where all have one and none twice, else 1, 2, 3, ..."""
    given = [
        item.extra.get("id") for image in plan.images for item in plan.objects.get(image.id, ())
    ]
    numbers = [number for number in given if type(number) is int]
    if len(set(numbers)) == len(given):
        return iter(numbers)
    return iter(range(1, len(given) + 1))


def _annotation(item: WrittenObject) -> Mapping[str, Any]:
    x1, y1, x2, y2 = item.box
    box = [round(value, DIGITS) for value in (x1, y1, x2 - x1, y2 - y1)]
    fields: dict[str, Any] = {"bbox": box, "iscrowd": int(item.crowd)}
    segmentation, area = _mask(item)
    if segmentation is not None:
        fields["segmentation"] = segmentation
    fields["area"] = item.extra.get("area", area if area is not None else box[2] * box[3])
    return fields | {key: value for key, value in item.extra.items() if key not in _OWN}


def _mask(item: WrittenObject) -> tuple[Any, float | None]:
    """COCO's `segmentation`, None for none, and its area in pixels."""
    if item.polygons is not None:
        rings = [[round(value, DIGITS) for value in ring] for ring in item.polygons]
        return rings, sum(polygon_area(ring) for ring in rings)
    if item.rle is not None and item.rle_size is not None:
        counts = rle.unpacked(item.rle)
        return {"size": list(item.rle_size), "counts": item.rle}, rle.area_of(counts)
    if item.mask_path is not None:
        _, values = decode_values(item.mask_path)
        counts = rle.counts_of(values != 0)
        return {"size": list(values.shape), "counts": rle.packed(counts)}, rle.area_of(counts)
    return None, None


def polygon_area(ring: list[float]) -> float:
    """Area of a polygon x, y, x, y, ... in square pixels (Gauss's shoelace formula).

    >>> polygon_area([0, 0, 4, 0, 4, 3, 0, 3])
    12.0
    """
    xs, ys = ring[::2], ring[1::2]
    shifted = zip(xs, ys, [*xs[1:], *xs[:1]], [*ys[1:], *ys[:1]], strict=False)
    return abs(sum(x * next_y - next_x * y for x, y, next_x, next_y in shifted)) / 2
