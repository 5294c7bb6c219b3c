"""One COCO file: its images, categories and annotations, read as tables."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from phoropter.core.objects import OBJECTS_SCHEMA
from phoropter.data import rle
from phoropter.data.annotated import as_extra
from phoropter.data.coco_entries import (
    Annotation,
    CocoImage,
    Identifier,
    Runs,
    categories_of,
    decoded,
    images_of,
    read_document,
)
from phoropter.data.problems import NAMED, Problems
from phoropter.data.ragged import polygons_column

_CHUNK = 20_000
_UNKNOWN = -1
_EMPTY = "an empty segmentation where others have one"
_NO_AREA, _NO_CROWD = "no 'area'", "no 'iscrowd'"


@dataclass(frozen=True, slots=True, eq=False)
class CocoFile:
    """What one file says.

    Args:
        images: Its images, each identifier once.
        categories: Name by identifier, in the order of the file.
        objects: The columns of `core.objects` but for `id` and `label`; instead `image` and
            `category`: positions among the file's images and categories, -1 where unknown. An
            unknown identifier is in `extra`.
        problems: What is wrong in it.
    """

    images: tuple[CocoImage, ...]
    categories: Mapping[Identifier, str]
    objects: pl.DataFrame
    problems: Problems


def read_coco(path: Path, shown: str) -> CocoFile:
    """The content of a COCO file.

    Args:
        path: The file.
        shown: What to call it in the list of problems.

    Raises:
        InputError: If it is no JSON, no COCO, or too large.
    """
    problems = Problems(shown)
    document = read_document(path, problems)
    images = images_of(document.images, problems)
    categories = categories_of(document.categories, problems)
    places = _Places(
        {image.id: place for place, image in enumerate(images)},
        {identifier: place for place, identifier in enumerate(categories)},
    )
    frames = []
    counted = _Counted()
    total = len(document.annotations)
    document.annotations.reverse()
    for start in range(0, total, _CHUNK):
        raws = document.annotations[: -_CHUNK - 1 : -1]
        del document.annotations[-_CHUNK:]  # what was read is let go, to hold less at a time
        frames.append(_chunk(decoded(raws, problems, start), places, problems, counted))
        del raws
    del document
    _note_counts(counted, problems, total)
    empty = pl.DataFrame(schema=_CHUNK_SCHEMA)
    objects = pl.concat([empty, *frames], rechunk=False)
    return CocoFile(images, categories, objects, problems)


@dataclass(frozen=True, slots=True)
class _Places:
    images: Mapping[Identifier, int]
    categories: Mapping[Identifier, int]


class _Counted:
    """What only makes sense in view of all annotations."""

    def __init__(self) -> None:
        self.with_mask = 0
        self._numbers: list[NDArray[np.int64]] = []
        self._words: Counter[Identifier] = Counter()

    def add_identifiers(self, found: Sequence[Annotation]) -> None:
        """Remembers the identifiers, numbers in little space."""
        given = [item.id for item in found if item.id is not None]
        try:
            self._numbers.append(np.array(given, dtype=np.int64))
        except (ValueError, OverflowError):  # words, numbers of more than 64 bits
            self._words.update(given)

    def repeated(self) -> Iterator[Identifier]:
        """The identifiers that occur more than once."""
        numbers = np.concatenate([np.zeros(0, dtype=np.int64), *self._numbers])
        values, counts = np.unique(numbers, return_counts=True)
        yield from (int(value) for value in values[counts > 1])
        yield from (word for word, count in self._words.items() if count > 1)


_CHUNK_SCHEMA = pl.Schema(
    [
        ("image", pl.Int64),
        ("category", pl.Int64),
        *((name, kind) for name, kind in OBJECTS_SCHEMA.items() if name not in {"id", "label"}),
    ]
)


def _chunk(
    found: Sequence[Annotation], places: _Places, problems: Problems, counted: _Counted
) -> pl.DataFrame:
    """Annotations as columns."""
    images = [places.images.get(item.image_id, _UNKNOWN) for item in found]
    categories = [places.categories.get(item.category_id, _UNKNOWN) for item in found]
    extras = _extras(found)
    if min(images) < 0 or min(categories) < 0:
        for row, item in enumerate(found):
            if images[row] < 0 or categories[row] < 0:
                extras[row] = _unknown(item, (images[row] < 0, categories[row] < 0), problems)
    _note(problems, _NO_AREA, [item.id for item in found if item.area is None])
    _note(problems, _NO_CROWD, [item.id for item in found if item.iscrowd is None])
    counted.add_identifiers(found)
    polygons, runs = _masks(found, problems, counted)
    corners = _corners(found)
    columns: dict[str, object] = {
        "image": images,
        "category": categories,
        **dict(zip(("x1", "y1", "x2", "y2"), corners, strict=True)),
        "crowd": [bool(item.iscrowd) for item in found],
        "polygons": polygons,
        "rle": runs,
        "mask_path": None,
        "extra": extras,
    }
    return pl.DataFrame(columns, schema=_CHUNK_SCHEMA)


def _note(problems: Problems, reason: str, identifiers: Sequence[Identifier | None]) -> None:
    places = [f"annotation {identifier}" for identifier in identifiers[:NAMED]]
    problems.add_many(reason, places, count=len(identifiers))


def _extras(found: Sequence[Annotation]) -> list[str | None]:
    """The column `extra`; most files say the same few things of every annotation."""
    usual = all(
        type(item.id) is int
        and item.area is not None
        and item.extra is None
        and type(item.segmentation) is not Runs
        for item in found
    )
    if usual:
        return [f'{{"id":{item.id},"area":{item.area}}}' for item in found]
    return [_extra(item) for item in found]


def _extra(item: Annotation) -> str | None:
    """Identifier, area, size of run lengths and whatever else was said, as JSON."""
    runs = item.segmentation if isinstance(item.segmentation, Runs) else None
    said = {"id": item.id, "area": item.area, "rle_size": runs and runs.size}
    text = as_extra({key: value for key, value in said.items() if value is not None})
    if item.extra is None:
        return None if text == "{}" else text
    return f"{text[:-1]}{',' if len(text) > 2 else ''}{item.extra}}}"


def _unknown(item: Annotation, which: tuple[bool, bool], problems: Problems) -> str:
    """`extra` of an annotation whose image or category is not in the file, which is noted."""
    place = f"annotation {item.id}"
    said = json.loads(_extra(item) or "{}")
    if which[0]:
        problems.add("an image that is not in the file", f"{place}: image {item.image_id}")
        said["image_id"] = item.image_id
    if which[1]:
        problems.add("a category that is not in the file", f"{place}: {item.category_id}")
        said["category_id"] = item.category_id
    return as_extra(said)


def _corners(found: Sequence[Annotation]) -> list[pl.Series]:
    """x1, y1, x2, y2 of each annotation, null where it has no box but a mask."""
    nothing = (np.nan,) * 4
    boxes = np.array([item.bbox or nothing for item in found], dtype=np.float64).reshape(-1, 4)
    boxes[:, 2:] += boxes[:, :2]
    return [pl.Series(column, dtype=pl.Float64).fill_nan(None) for column in boxes.T]


def _masks(
    found: Sequence[Annotation], problems: Problems, counted: _Counted
) -> tuple[pl.Series | None, list[str | None] | None]:
    """The columns polygons and rle; None for one that is empty."""
    _note(problems, _EMPTY, [item.id for item in found if item.segmentation == []])
    if not any(item.segmentation for item in found):
        return None, None
    polygons: list[list[list[float]] | None] = [None] * len(found)
    runs: list[str | None] = [None] * len(found)
    for row, item in enumerate(found):
        mask = item.segmentation
        if not mask:
            continue
        place = f"annotation {item.id}"
        if isinstance(mask, Runs):
            runs[row] = _packed(mask, place, problems)
        else:
            polygons[row] = mask
            if any(len(ring) < 6 or len(ring) % 2 for ring in mask):
                problems.add("a polygon of fewer than three points or an odd number", place)
        counted.with_mask += 1
    return (
        polygons_column(polygons) if any(item is not None for item in polygons) else None,
        runs if any(item is not None for item in runs) else None,
    )


def _packed(mask: Runs, place: str, problems: Problems) -> str | None:
    """Run lengths as text; their mask's size is in `extra`."""
    height, width = mask.size
    try:
        counts = mask.counts if isinstance(mask.counts, list) else rle.unpacked(mask.counts)
        rle.checked(counts, height, width)
        return mask.counts if isinstance(mask.counts, str) else rle.packed(counts)
    except (rle.RunLengthError, OverflowError) as error:
        problems.add(f"run lengths that cannot be read, left out: {error}", place)
        return None


def _note_counts(counted: _Counted, problems: Problems, total: int) -> None:
    """Faults that are none where everything is like that: empty masks, repeated identifiers."""
    problems.forget_if_usual(_EMPTY, of=total)
    if not counted.with_mask:
        problems.forget_if_usual(_EMPTY, of=0)
    for reason in (_NO_AREA, _NO_CROWD):
        problems.forget_if_usual(reason, of=total)
    _note(problems, "an annotation id is used more than once", list(counted.repeated()))
