"""One file of Pascal VOC: what it says of its image and the objects in it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from phoropter.data.annotated import Polygons, finite_number
from phoropter.data.problems import Problems
from phoropter.data.xml_tree import Node

_OFFICIAL = re.compile(r"The VOC\d{4} Database", re.IGNORECASE)
_CORNERS = ("xmin", "ymin", "xmax", "ymax")
_READ = {"name", "bndbox", "polygon"}


@dataclass(frozen=True, slots=True)
class VocObject:
    """One object: its class, its box x1, y1, x2, y2 in pixels, and what else is said of it."""

    label: str
    box: tuple[float, float, float, float]
    polygons: Polygons | None
    extra: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class VocFile:
    """The content of one file."""

    filename: str
    height: int | None
    width: int | None
    objects: tuple[VocObject, ...]


def read_annotation(root: Node, problems: Problems) -> VocFile | None:
    """What the root element says; None where it is no annotation.

    The official sets count pixels from 1 and both corners belong to the box; their boxes are moved
    to this project's convention. Everybody else's tools write plain corners.
    """
    if root.name != "annotation":
        return None
    size = root.first("size") or Node("size")
    source = root.first("source") or Node("source")
    shift = 1.0 if _OFFICIAL.fullmatch(source.text_of("database")) else 0.0
    objects = []
    for place, node in enumerate((c for c in root.children if c.name == "object"), start=1):
        found = _object(node, f"object {place}", problems, shift=shift)
        if found is not None:
            objects.append(found)
    return VocFile(
        filename=root.text_of("filename"),
        height=_pixels(size.text_of("height")),
        width=_pixels(size.text_of("width")),
        objects=tuple(objects),
    )


def _object(node: Node, place: str, problems: Problems, *, shift: float) -> VocObject | None:
    name = node.first("name")
    label = name.text if name else ""
    if name is None or not label:
        problems.add("an object without name, left out", place)
        return None
    if name.raw_text != label:
        problems.add("a name with blanks around it, read without", f"{place}: {name.raw_text!r}")
    frame = node.first("bndbox")
    if frame is None:
        problems.add("an object without box, left out", place)
        return None
    corners = [_number(frame.text_of(corner)) for corner in _CORNERS]
    if None in corners:
        written = " ".join(frame.text_of(corner) or "-" for corner in _CORNERS)
        problems.add("a box that is not four finite numbers, left out", f"{place}: {written[:60]}")
        return None
    x1, y1, x2, y2 = (corner or 0.0 for corner in corners)
    return VocObject(
        label=label,
        box=(x1 - shift, y1 - shift, x2, y2),
        polygons=_polygons(node, place, problems),
        extra=_children([child for child in node.children if child.name not in _READ]),
    )


def _polygons(node: Node, place: str, problems: Problems) -> Polygons | None:
    """Polygons as several labelling tools write them: x1, y1, x2, y2, ... or a list of pt."""
    rings: Polygons = []
    for polygon in (child for child in node.children if child.name == "polygon"):
        points = [child for child in polygon.children if child.name == "pt"]
        texts = [point.text_of(axis) for point in points for axis in "xy"] or [
            child.text for child in polygon.children if re.fullmatch(r"[xy]\d+", child.name)
        ]
        numbers = [_number(text) for text in texts]
        if len(numbers) < 6 or len(numbers) % 2 or None in numbers:
            problems.add("a polygon of fewer than three points, left out", place)
            continue
        rings.append([number or 0.0 for number in numbers])
    return rings or None


def _said(node: Node) -> Any:
    """An element as JSON: text, or an object of its children."""
    return _children(node.children) if node.children else node.text


def _children(nodes: Sequence[Node]) -> dict[str, Any]:
    """Elements by name; those that are repeated as a list."""
    said: dict[str, Any] = {}
    for name in dict.fromkeys(node.name for node in nodes):
        values = [_said(node) for node in nodes if node.name == name]
        said[name] = values[0] if len(values) == 1 else values
    return said


def _number(text: str) -> float | None:
    try:
        return finite_number(float(text))
    except ValueError:
        return None


def _pixels(text: str) -> int | None:
    number = _number(text)
    return int(number) if number is not None and abs(number) < 2**31 else None
