"""The entries of a COCO file, decoded.

Annotations of the usual form are decoded in bulk, without a Python object for each number; one that
is not is looked at by itself, so that a fault costs no more than its own annotation.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from phoropter.core.errors import InputError
from phoropter.data.annotated import as_extra, finite_number
from phoropter.data.problems import Problems

MAX_BYTES = 4 * 2**30
"""Larger files are refused: the largest public set (Objects365) has 1.6 GB."""

Identifier = int | str

_UNREADABLE = (msgspec.MsgspecError, RecursionError, UnicodeDecodeError)


class Runs(Struct, gc=False):
    """A mask as run lengths, packed or not."""

    size: tuple[int, int]
    counts: str | list[int]


class Annotation(Struct, gc=False, forbid_unknown_fields=True):
    """An entry of `annotations`; `extra` is the inside of a JSON object with other fields."""

    image_id: Identifier
    category_id: Identifier
    bbox: tuple[float, float, float, float] | None
    id: Identifier | None = None
    area: int | float | None = None
    iscrowd: int | None = None
    segmentation: list[list[float]] | Runs | UnsetType | None = UNSET
    extra: str | None = None


class Document(Struct):
    """The three lists of a file, their entries still text."""

    images: list[Raw]
    annotations: list[Raw]
    categories: list[Raw] = []


_DOCUMENT = msgspec.json.Decoder(Document)
_MANY = msgspec.json.Decoder(list[Annotation])
_ONE = msgspec.json.Decoder(Annotation)


@dataclass(frozen=True, slots=True)
class CocoImage:
    """An entry of `images`."""

    id: Identifier
    file_name: str
    height: int | None
    width: int | None


def read_document(path: Path, problems: Problems) -> Document:
    """The lists of a COCO file.

    Raises:
        InputError: If it is no JSON, no COCO, or too large.
    """
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise InputError(
            f"{str(path)!r} has {size / 2**30:.1f} GiB, more than the {MAX_BYTES / 2**30:.0f} "
            "that are read.",
            hint="Divide it into several files.",
        )
    content = path.read_bytes().removeprefix(b"\xef\xbb\xbf")
    try:
        return _DOCUMENT.decode(content)
    except _UNREADABLE as error:
        strict = error
    try:  # Python and JavaScript write NaN and Infinity, which are no JSON
        parsed = json.loads(content, parse_constant=lambda _: None)
        document = _DOCUMENT.decode(msgspec.json.encode(parsed))
    except (ValueError, RecursionError, msgspec.MsgspecError, OverflowError) as error:
        raise InputError(
            f"{str(path)!r} is no sound COCO file: {strict}.",
            hint="Expected one object with the lists images, annotations and categories.",
        ) from error
    problems.add("it holds numbers that are no JSON, read as nothing", "NaN or Infinity")
    return document


def _entries(raws: Sequence[Raw], what: str, problems: Problems) -> Iterator[dict[str, Any]]:
    for place, raw in enumerate(raws):
        value = _value(raw)
        if isinstance(value, dict):
            yield value
        else:
            problems.add(f"an entry of {what} is no object", f"number {place + 1}")


def _value(raw: Raw) -> Any:
    """Any JSON value; None where it cannot be read."""
    try:
        return msgspec.json.decode(raw)
    except _UNREADABLE:
        return None


def _identifier(value: object) -> Identifier | None:
    """A whole number or a text; 3.0 is 3."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int | str) and not isinstance(value, bool) else None


def images_of(raws: Sequence[Raw], problems: Problems) -> tuple[CocoImage, ...]:
    """The images that have an identifier and a name, each identifier once."""
    images: dict[Identifier, CocoImage] = {}
    for entry in _entries(raws, "images", problems):
        identifier, name = _identifier(entry.get("id")), entry.get("file_name")
        if identifier is None or not isinstance(name, str) or not name:
            problems.add("an image without id or file_name", f"{str(entry)[:60]}")
        elif identifier in images:
            problems.add("an image id is used twice", f"image {identifier}, {name!r}")
        else:
            size = (_pixels(entry.get("height")), _pixels(entry.get("width")))
            images[identifier] = CocoImage(identifier, name, *size)
    return tuple(images.values())


def _pixels(value: object) -> int | None:
    number = finite_number(value)
    return int(number) if number is not None and abs(number) < 2**31 else None


def categories_of(raws: Sequence[Raw], problems: Problems) -> dict[Identifier, str]:
    """Names by identifier, each identifier once."""
    names: dict[Identifier, str] = {}
    for entry in _entries(raws, "categories", problems):
        identifier, name = _identifier(entry.get("id")), entry.get("name")
        if identifier is None or not isinstance(name, str) or not name.strip():
            problems.add("a category without id or name", f"{str(entry)[:60]}")
        elif identifier in names:
            problems.add("a category id is used twice", f"category {identifier}, {name!r}")
        else:
            names[identifier] = name.strip()
    return names


def decoded(raws: Sequence[Raw], problems: Problems, start: int) -> list[Annotation]:
    """The annotations that can be read; the others are noted as problems."""
    try:
        return _MANY.decode(b"[" + b",".join(raws) + b"]")
    except _UNREADABLE:
        found = []
    for place, raw in enumerate(raws, start=start + 1):
        try:
            found.append(_ONE.decode(raw))
        except _UNREADABLE:
            odd = _odd(_value(raw), f"annotation number {place}", problems)
            if odd is not None:
                found.append(odd)
    return found


_USUAL = {"image_id", "category_id", "bbox", "id", "area", "iscrowd", "segmentation"}


def _odd(value: Any, place: str, problems: Problems) -> Annotation | None:
    """An annotation of an unusual form, as far as it says anything."""
    if not isinstance(value, dict):
        problems.add("an annotation that cannot be read, left out", place)
        return None
    identifier = _identifier(value.get("id"))
    place = place if identifier is None else f"annotation {identifier}"
    image = _identifier(value.get("image_id"))
    if image is None:
        problems.add("an annotation without image_id, left out", place)
        return None
    box = _box(value.get("bbox"))
    if box is None and "bbox" in value:
        problems.add("a bbox that is not four finite numbers", place)
    segmentation = _segmentation(value.get("segmentation", UNSET), place, problems)
    if box is None and not segmentation:
        problems.add("an annotation without box and mask, left out", place)
        return None
    category = _identifier(value.get("category_id"))
    others = {key: item for key, item in value.items() if key not in _USUAL}
    return Annotation(
        image_id=image,
        category_id="none" if category is None else category,
        bbox=box,
        id=identifier,
        area=finite_number(value.get("area")),
        iscrowd=int(bool(value["iscrowd"])) if value.get("iscrowd") is not None else None,
        segmentation=segmentation,
        extra=as_extra(others)[1:-1] if others else None,
    )


def _box(value: object) -> tuple[float, float, float, float] | None:
    if not isinstance(value, list) or len(value) != 4:
        return None
    numbers = [finite_number(item) for item in value]
    if any(number is None for number in numbers):
        return None
    x, y, width, height = (number or 0.0 for number in numbers)
    return x, y, width, height


def _segmentation(
    value: Any, place: str, problems: Problems
) -> list[list[float]] | Runs | UnsetType | None:
    if value is UNSET or value is None:
        return UNSET
    try:
        return msgspec.convert(value, list[list[float]] | Runs)
    except msgspec.ValidationError:
        problems.add("a segmentation that is neither polygons nor run lengths, left out", place)
        return UNSET
