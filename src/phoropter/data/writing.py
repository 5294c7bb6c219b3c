"""Annotated images on their way into another format: what is written, and what cannot be."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

import polars as pl

from phoropter.core.errors import UsageError
from phoropter.core.files import storage_errors
from phoropter.core.records import Dataset
from phoropter.data.decode import UnreadableImageError, header
from phoropter.data.object_masks import with_measured_masks
from phoropter.data.parallel import ordered


@dataclass(frozen=True, slots=True)
class Lost:
    """Something that the other format cannot hold, or that was not fit to be carried.

    Args:
        what: "polygons", "objects of an unknown class", ...
        count: How many.
        why: In a few words, with what became of them.
    """

    what: str
    count: int
    why: str


@dataclass(frozen=True, slots=True)
class WrittenImage:
    """One image in the new folder.

    Args:
        id: The sample's, in the data set.
        name: Its new file name; no two have the same stem.
        part: The folder or file of its part ("train", "val2017"), "" where it has none.
        height: Pixels.
        width: Pixels.
        source_id: What the source calls it, or None.
    """

    id: str
    name: str
    part: str
    height: int
    width: int
    source_id: str | None

    @property
    def stem(self) -> str:
        """The name without its extension."""
        return PurePosixPath(self.name).stem


@dataclass(frozen=True, slots=True)
class WrittenObject:
    """One object, with a box and a class.

    Args:
        label: Position of its class in `Plan.classes`.
        box: x1, y1, x2, y2 in pixels.
        crowd: Whether it is a region around many objects.
        polygons: Or None.
        rle: COCO's run lengths, or None.
        rle_size: Height and width of their mask, or None.
        mask_path: A picture of its mask, or None.
        extra: What else is said of it.
    """

    label: int
    box: tuple[float, float, float, float]
    crowd: bool
    polygons: list[list[float]] | None
    rle: str | None
    rle_size: tuple[int, int] | None
    mask_path: Path | None
    extra: Mapping[str, Any]


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """Everything a writer needs.

    Args:
        images: Sorted by part and name.
        objects: Of each image, in the order of the source.
        classes: Names, in the order of their numbers.
        class_ids: The source's numbers of the classes; empty for 0, 1, 2, ...
        lost: What no writer can carry.
    """

    images: tuple[WrittenImage, ...]
    objects: Mapping[str, tuple[WrittenObject, ...]]
    classes: tuple[str, ...]
    class_ids: tuple[int, ...]
    lost: tuple[Lost, ...]

    @property
    def parts(self) -> tuple[str, ...]:
        """The parts that have images, sorted."""
        return tuple(sorted({image.part for image in self.images}))


class Writer(Protocol):
    """Writes one annotation format; a module with these two functions."""

    def image_path(self, image: WrittenImage) -> str:
        """Where the image belongs, relative to the new folder."""
        ...

    def write(self, plan: Plan, folder: Path) -> Iterable[Lost]:
        """Writes the annotation files; what they could not carry."""
        ...


def planned(dataset: Dataset) -> Plan:
    """What can be written of an annotated data set.

    Raises:
        UsageError: If it has no objects.
    """
    if dataset.objects is None:
        raise UsageError(
            f"There are no annotated objects in {str(dataset.root)!r}: {dataset.description}.",
            hint="Boxes, polygons and masks of objects can be converted.",
        )
    paths = dataset.table["path"].to_list()
    heads = ordered(lambda path: _size(dataset.root / path), paths)
    sizes = {path: size for path, size in zip(paths, heads, strict=True) if size}
    table = dataset.table.filter(pl.col("path").is_in(list(sizes)))
    images = _images(table, sizes)
    objects, lost = _objects(dataset, {image.id for image in images})
    if len(sizes) < len(paths):
        count = len(paths) - len(sizes)
        lost.append(Lost("images", count, "they cannot be read; left out with their objects"))
    return Plan(images, objects, dataset.classes, dataset.class_ids, tuple(lost))


def _size(file: Path) -> tuple[int, int] | None:
    try:
        head = header(file)
    except UnreadableImageError:
        return None
    return head.height, head.width


def _images(table: pl.DataFrame, sizes: Mapping[str, tuple[int, int]]) -> tuple[WrittenImage, ...]:
    names = unique_names(table["path"].to_list())
    source_ids = table["source_id"] if "source_id" in table.columns else [None] * table.height
    images = [
        WrittenImage(path, names[path], _folder(part_name or part), *sizes[path], source_id)
        for path, part, part_name, source_id in zip(
            table["path"], table["part"], table["part_name"], source_ids, strict=True
        )
    ]
    return tuple(sorted(images, key=lambda image: (image.part, image.name)))


def _folder(part: str | None) -> str:
    """A part's word as the name of a folder."""
    return (part or "").replace("/", "_").replace("\\", "_").strip(". ")


def unique_names(paths: Sequence[str]) -> dict[str, str]:
    """A file name for each path, no two with the same stem, whatever the case.

    >>> unique_names(["a/1.jpg", "b/1.jpg", "b/2.jpg"])
    {'a/1.jpg': 'a_1.jpg', 'b/1.jpg': 'b_1.jpg', 'b/2.jpg': '2.jpg'}
    """
    stems = Counter(PurePosixPath(path).stem.casefold() for path in paths)
    names: dict[str, str] = {}
    taken: set[str] = set()
    for path in paths:
        place = PurePosixPath(path)
        alone = stems[place.stem.casefold()] == 1
        name = place.name if alone else path.replace("/", "_")
        # Without dots, or the number could be taken for a part of the suffix: "1._2".
        base = PurePosixPath(path.replace("/", "_")).stem.replace(".", "_")
        number = 1
        while PurePosixPath(name).stem.casefold() in taken:
            number += 1
            name = f"{base}_{number}{place.suffix}"
        taken.add(PurePosixPath(name).stem.casefold())
        names[path] = name
    return names


def _objects(
    dataset: Dataset, there: set[str]
) -> tuple[dict[str, tuple[WrittenObject, ...]], list[Lost]]:
    frame = with_measured_masks(dataset)
    classes = {name: place for place, name in enumerate(dataset.classes)}
    known = pl.col("id").is_in(list(there))
    named = pl.col("label").is_in(list(classes)).fill_null(value=False)
    boxed = pl.all_horizontal(pl.col(name).is_finite() for name in ("x1", "y1", "x2", "y2"))
    kept = frame.filter(known & named & boxed.fill_null(value=False))
    found: dict[str, list[WrittenObject]] = {}
    for row in kept.iter_rows(named=True):
        found.setdefault(row["id"], []).append(_object(dataset.root, row, classes))
    reasons = {
        "objects of images that are not there": ~known,
        "objects of an unknown class": known & ~named,
        "objects without box": known & named & ~boxed.fill_null(value=False),
    }
    counts = frame.select(**{what: condition.sum() for what, condition in reasons.items()})
    lost = [Lost(what, n, "left out") for what, n in counts.row(0, named=True).items() if n]
    return {name: tuple(items) for name, items in found.items()}, lost


def _object(root: Path, row: Mapping[str, Any], classes: Mapping[str, int]) -> WrittenObject:
    extra = json.loads(row["extra"]) if row["extra"] else {}
    size = extra.pop("rle_size", None)
    extra.pop("line", None)
    return WrittenObject(
        label=classes[row["label"]],
        box=(row["x1"], row["y1"], row["x2"], row["y2"]),
        crowd=bool(row["crowd"]),
        polygons=row["polygons"],
        rle=row["rle"],
        rle_size=(size[0], size[1]) if size else None,
        mask_path=root / row["mask_path"] if row["mask_path"] else None,
        extra=extra,
    )


def tallied(lost: Mapping[tuple[str, str], int]) -> list[Lost]:
    """Counts by what and why, as records."""
    return [Lost(what, count, why) for (what, why), count in lost.items() if count]


def number_text(value: float, digits: int) -> str:
    """A number with at most so many decimals, without needless zeros.

    >>> number_text(12.0, 6), number_text(0.125, 6), number_text(-1e-9, 6)
    ('12', '0.125', '0')
    """
    text = f"{value:.{digits}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """Hands out an empty folder beside `folder`, renamed into place when the block ends well.

    Raises:
        UsageError: If there is something at `folder` other than an empty folder.
        StorageError: If it cannot be written.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(
            f"{str(folder)!r} exists and is not an empty folder.",
            hint="Name a new folder: nothing is written over.",
        )
    with storage_errors(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        with storage_errors(folder):
            yield partial
            partial.chmod(0o755)
            partial.replace(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def place_file(source: Path, target: Path) -> bool:
    """Puts a file at another place as a hard link where the disk allows, else as a copy.

    Returns:
        Whether it is a link.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source.resolve(), target)
    except OSError:  # another disk, or one without links
        shutil.copyfile(source, target)
        return False
    return True
