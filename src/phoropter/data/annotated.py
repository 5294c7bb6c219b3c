"""What the readers of annotated images share: tables of samples and objects, a line on both."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import polars as pl

from phoropter.core.objects import OBJECTS_SCHEMA
from phoropter.core.records import PARTS, Part, Rejected
from phoropter.data.images import is_shown
from phoropter.data.parts import part_of

Polygons = list[list[float]]

_PEEK_FOLDERS = 150
_PEEK_FILES = 20

SAMPLES_SCHEMA = pl.Schema(
    {
        "id": pl.String,
        "path": pl.String,
        "group": pl.String,
        "part": pl.String,
        "part_name": pl.String,
        "annotation": pl.String,
        "stated_height": pl.Int64,
        "stated_width": pl.Int64,
        "source_id": pl.String,
    }
)
"""Columns of the table of annotated images; see `Dataset.table`."""


@dataclass(frozen=True, slots=True)
class AnnotatedImage:
    """One image with the file that describes it."""

    path: str
    part_name: str | None = None
    annotation: str | None = None
    stated_height: int | None = None
    stated_width: int | None = None
    source_id: str | None = None

    @property
    def part(self) -> Part | None:
        """The part that `part_name` stands for."""
        return part_of(self.part_name) if self.part_name else None


def samples(images: Iterable[AnnotatedImage]) -> pl.DataFrame:
    """The table of these images, sorted by path."""
    rows = sorted(images, key=lambda image: image.path)
    parts = {name: part_of(name) for name in {row.part_name for row in rows} if name}
    columns: dict[str, list[object]] = {
        "id": [row.path for row in rows],
        "path": [row.path for row in rows],
        "group": [None] * len(rows),
        "part": [parts.get(row.part_name or "") for row in rows],
        "part_name": [row.part_name if parts.get(row.part_name or "") else None for row in rows],
        "annotation": [row.annotation for row in rows],
        "stated_height": [row.stated_height for row in rows],
        "stated_width": [row.stated_width for row in rows],
        "source_id": [row.source_id for row in rows],
    }
    return pl.DataFrame(columns, schema=SAMPLES_SCHEMA)


class ObjectRows:
    """Collects annotated objects one by one for the table of `core.objects`."""

    def __init__(self) -> None:
        self._columns: dict[str, list[object]] = {name: [] for name in OBJECTS_SCHEMA}

    def __len__(self) -> int:
        return len(self._columns["id"])

    def add(
        self,
        identifier: str,
        label: str | None,
        box: Sequence[float] | None,
        *,
        extra: Mapping[str, Any] | None = None,
        **rest: object,
    ) -> None:
        """One object.

        Args:
            identifier: The sample's.
            label: Its class, or None where that is unknown.
            box: x1, y1, x2, y2, or None.
            extra: What else the source says, written as JSON.
            rest: Further columns ("crowd", "polygons", "rle", "mask_path").
        """
        values: dict[str, object] = dict.fromkeys(self._columns)
        values |= {"id": identifier, "label": label, "crowd": False}
        values |= dict(zip(("x1", "y1", "x2", "y2"), box or (None,) * 4, strict=True))
        values["extra"] = as_extra(extra) if extra else None
        for name, value in (values | rest).items():
            self._columns[name].append(value)

    def frame(self) -> pl.DataFrame:
        """All of them, in the order of their coming."""
        return pl.DataFrame(self._columns, schema=OBJECTS_SCHEMA)


def as_extra(values: Mapping[str, Any]) -> str:
    """The text for the column `extra`."""
    return json.dumps(values, ensure_ascii=False, separators=(",", ":"))


def peeked(root: Path, suffixes: Collection[str]) -> Iterator[Path]:
    """Some files with these extensions below `root`: the first by name of the first folders.

    Looks into every folder a little, because a folder of images may hold a million of them.
    """
    for count, (place, folders, names) in enumerate(os.walk(root)):
        folders[:] = sorted(name for name in folders if is_shown(Path(name)))
        if count >= _PEEK_FOLDERS:
            return
        fitting = sorted(name for name in names if Path(name).suffix.casefold() in suffixes)
        for name in fitting[:_PEEK_FILES]:
            if not name.startswith("."):
                yield Path(place, name)


def extent(polygons: Iterable[Sequence[float]]) -> tuple[float, float, float, float] | None:
    """The smallest box around polygons (x, y, x, y, ...), or None where there is no point.

    >>> extent([[1, 2, 5, 2, 5, 9], [0, 4, 1, 1, 2, 2]])
    (0.0, 1.0, 5.0, 9.0)
    """
    rings = [ring for ring in polygons if len(ring) > 1]
    if not rings:
        return None
    xs = [float(x) for ring in rings for x in ring[::2]]
    ys = [float(y) for ring in rings for y in ring[1::2]]
    return min(xs), min(ys), max(xs), max(ys)


def finite_number(value: object) -> float | None:
    """`value` as a finite number, or None: texts and truth values are no numbers.

    >>> finite_number(2), finite_number("2"), finite_number(float("nan")), finite_number(True)
    (2.0, None, None, None)
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def unlisted(images: Iterable[str], known: Iterable[str]) -> list[Rejected]:
    """The images that no annotation mentions, where annotated ones lie beside them.

    Folders without any annotated image count as one entry each: they hold something else.

    Args:
        images: All images below the root.
        known: Those that are mentioned, usable or not.
    """
    reason = "not mentioned by any annotation"
    mentioned = set(known)
    folders = {path.rpartition("/")[0] for path in mentioned}
    found: list[Rejected] = []
    others: dict[str, int] = {}
    for path in sorted(set(images) - mentioned):
        folder = path.rpartition("/")[0]
        if folder in folders:
            found.append(Rejected(path, reason, "unlisted"))
        else:
            others[folder] = others.get(folder, 0) + 1
    for folder, count in others.items():
        found.append(Rejected(f"{folder or '.'}/", f"{count:,} images {reason}", "unlisted"))
    return found


def described(kind: str, table: pl.DataFrame, *, classes: int, objects: int | None = None) -> str:
    """One line on annotated images ("COCO detection, 3 classes, 364 images, 1,200 objects")."""
    names = "1 class" if classes == 1 else f"{classes:,} classes"
    text = f"{kind}, {names}, {_counted(table.height, 'image')}"
    if objects is not None:
        text += f", {_counted(objects, 'object')}"
    parts = [part for part in PARTS if part in table["part"].unique()]
    return f"{text}, given parts: {', '.join(parts)}" if parts else text


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def part_in(path: str) -> str | None:
    """The folder of a path that names a part ("images/train2017/1.jpg": "train2017"), or None."""
    folders = PurePosixPath(path).parent.parts
    return next((name for name in reversed(folders) if part_of(name)), None)
