"""Pascal VOC: an XML file an image, lists of the parts, and the class names in their order."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from html import escape
from pathlib import Path
from typing import Any

from phoropter.core.files import write_text
from phoropter.data.class_names import parse_names
from phoropter.data.writing import (
    Lost,
    Plan,
    WrittenImage,
    WrittenObject,
    number_text,
    tallied,
)

DIGITS = 6
"""Decimals of a coordinate, in pixels."""

_USUAL = {"pose": "Unspecified", "truncated": "0", "difficult": "0"}
_DERIVED = {"id", "area"}
_TAG = re.compile(r"[A-Za-z_][\w.\-]*", re.ASCII)
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def image_path(image: WrittenImage) -> str:
    """`JPEGImages/NAME`."""
    return f"JPEGImages/{image.name}"


def write(plan: Plan, folder: Path) -> Iterable[Lost]:
    """Writes `Annotations/STEM.xml`, `ImageSets/Main/PART.txt` and `classes.txt`.

    Corners are plain pixel coordinates, as most tools write them, and have decimals where needed.
    """
    lost: Counter[tuple[str, str]] = Counter()
    (folder / "Annotations").mkdir()
    for image in plan.images:
        objects = plan.objects.get(image.id, ())
        for item in objects:
            _count_lost(item, lost)
        text = "\n".join(_document(image, objects, plan.classes)) + "\n"
        place = folder / "Annotations" / f"{image.stem}.xml"
        place.write_text(_FORBIDDEN.sub("?", text), encoding="utf-8")
    for part in filter(None, plan.parts):
        stems = [image.stem for image in plan.images if image.part == part]
        text = "".join(f"{stem}\n" for stem in stems)
        write_text(folder / "ImageSets" / "Main" / f"{part}.txt", text)
    write_text(folder / "classes.txt", _names(plan.classes))
    if plan.class_ids:
        lost["numbers of classes", "VOC has names only"] = len(plan.classes)
    if any(image.source_id for image in plan.images):
        lost["numbers of images", "a file is known by its name"] = len(plan.images)
    return tallied(lost)


def _names(classes: tuple[str, ...]) -> str:
    """One name a line; with its number where a name alone could be taken for something else."""
    expected = dict(enumerate(classes))
    plain = parse_names(classes) == expected
    return "".join(f"{name}\n" if plain else f"{n} {name}\n" for n, name in expected.items())


def _document(
    image: WrittenImage, objects: Iterable[WrittenObject], classes: tuple[str, ...]
) -> Iterator[str]:
    yield "<annotation>"
    yield "  <folder>JPEGImages</folder>"
    yield f"  <filename>{escape(image.name)}</filename>"
    size = f"<width>{image.width}</width><height>{image.height}</height><depth>3</depth>"
    yield f"  <size>{size}</size>"
    yield "  <segmented>0</segmented>"
    for item in objects:
        yield "  <object>"
        yield f"    <name>{escape(classes[item.label])}</name>"
        said = _USUAL | {key: value for key, value in item.extra.items() if key not in _DERIVED}
        if item.crowd:
            said["difficult"] = "1"
        for key, value in said.items():
            if _TAG.fullmatch(key):
                yield f"    {_element(key, value)}"
        corners = zip(("xmin", "ymin", "xmax", "ymax"), item.box, strict=True)
        texts = [f"<{name}>{number_text(value, DIGITS)}</{name}>" for name, value in corners]
        yield f"    <bndbox>{''.join(texts)}</bndbox>"
        yield from (f"    {_polygon(ring)}" for ring in item.polygons or ())
        yield "  </object>"
    yield "</annotation>"


def _element(key: str, value: Any) -> str:
    """An element with text, or with the elements of a mapping in it; a list repeats the element."""
    if isinstance(value, list):
        return "".join(_element(key, item) for item in value)
    if isinstance(value, Mapping):
        inner = "".join(_element(k, v) for k, v in value.items() if _TAG.fullmatch(k))
        return f"<{key}>{inner}</{key}>"
    return f"<{key}>{escape(_text(value))}</{key}>"


def _text(value: object) -> str:
    if value is None or isinstance(value, bool):
        return {None: "", True: "1", False: "0"}[value]
    return str(value)


def _polygon(ring: list[float]) -> str:
    points = zip(ring[::2], ring[1::2], strict=False)
    texts = [
        f"<pt><x>{number_text(x, DIGITS)}</x><y>{number_text(y, DIGITS)}</y></pt>"
        for x, y in points
    ]
    return f"<polygon>{''.join(texts)}</polygon>"


def _count_lost(item: WrittenObject, lost: Counter[tuple[str, str]]) -> None:
    if item.crowd:
        lost["crowds", "written as difficult objects, which evaluation leaves out"] += 1
    if item.rle is not None or item.mask_path is not None:
        lost["masks", "VOC's XML has none; boxes are written"] += 1
    if _DERIVED & set(item.extra):
        lost["numbers and areas of objects", "VOC has none"] += 1
    for key in item.extra:
        if not _TAG.fullmatch(key):
            lost[f"{key!r} of objects", "no name for an XML element"] += 1
