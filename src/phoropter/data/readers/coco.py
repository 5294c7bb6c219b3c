"""COCO: one or several JSON files with images, categories and annotations."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import polars as pl

from phoropter.core.errors import InputError, UsageError
from phoropter.core.objects import OBJECTS_SCHEMA
from phoropter.core.records import Dataset, Rejected
from phoropter.data.annotated import AnnotatedImage, described, samples, unlisted
from phoropter.data.coco_entries import CocoImage, Identifier
from phoropter.data.coco_json import CocoFile, read_coco
from phoropter.data.images import contains_image, is_shown
from phoropter.data.locate import ImageFinder
from phoropter.data.parts import part_of

_PEEK_BYTES = 1 << 16
_SIGNS = (b'"images"', b'"annotations"', b'"categories"', b'"category_id"', b'"bbox"')
_FEWEST_SIGNS = 3
_MOST_FILES = 200
_MASKED_SHARE = 0.9
"""Share of objects with a mask from which the data are for instance segmentation."""


def detects(path: Path) -> float:
    """How sure this reader is that `path` is a COCO file or a folder with one, in [0, 1]."""
    if path.is_file():
        return 1.0 if path.suffix.casefold() == ".json" and _is_coco(path) else 0.0
    return 0.95 if _files(path) else 0.0


def read(path: Path, *, target: str | None) -> Dataset:
    """The images of the COCO files at `path` with their objects.

    Args:
        path: A JSON file, or a folder that holds some, at most two folders deep. A file whose name
            or folder says "train", "val" or "test" is that part.
        target: None; the objects are the target.

    Raises:
        UsageError: If a target is asked for.
        InputError: If there is no such file or one cannot be read.
    """
    if target is not None:
        raise UsageError(
            f"There is no column {target!r}: COCO files hold objects.", hint="Leave --target out."
        )
    root = _root(path) if path.is_file() else path
    files, left_out = _chosen([path] if path.is_file() else _files(path), root)
    if not files:
        raise InputError(
            f"There is no COCO file in {str(path)!r}.",
            hint="Expected a JSON file with images, annotations and categories.",
        )
    finder = ImageFinder(root)
    gathered = _Gathered(_part_names(files, root))
    for file in files:
        gathered.add(read_coco(file, file.relative_to(root).as_posix()), file, root, finder)
    return gathered.dataset(path, root, finder, left_out)


def _is_coco(file: Path) -> bool:
    with file.open("rb") as opened:
        start = opened.read(_PEEK_BYTES)
        opened.seek(max(file.stat().st_size - _PEEK_BYTES, 0))
        seen = start + opened.read(_PEEK_BYTES)
    if not start.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
        return False
    return sum(sign in seen for sign in _SIGNS) >= _FEWEST_SIGNS


def _files(folder: Path) -> list[Path]:
    """The COCO files in a folder, in those below and in those below these."""
    found: list[Path] = []
    places = [folder]
    for _ in range(3):
        below: list[Path] = []
        for place in places[:_MOST_FILES]:
            with os.scandir(place) as entries:
                named = [(entry.name, entry.is_dir()) for entry in entries]
            files = sorted(name for name, _ in named if name.casefold().endswith(".json"))
            found += [place / name for name in files[:_MOST_FILES]]
            below += [place / name for name, is_folder in sorted(named) if is_folder]
        places = [folder for folder in below if is_shown(folder)]
    return [file for file in found[:_MOST_FILES] if file.is_file() and _is_coco(file)]


def _chosen(files: Sequence[Path], root: Path) -> tuple[list[Path], list[Rejected]]:
    """The files to read: where some are called "instances...", only these."""
    instances = [file for file in files if file.stem.startswith("instances")]
    chosen = instances or list(files)
    left_out = [
        Rejected(file.relative_to(root).as_posix(), "not read beside instances files", "junk")
        for file in files
        if file not in chosen
    ]
    return chosen, left_out


def _root(file: Path) -> Path:
    """The folder that holds the images of a single file: its own or the one above."""
    places = (file.parent, file.parent.parent)
    return next((place for place in places if contains_image(place, deep=True)), file.parent)


def _part_names(files: Iterable[Path], root: Path) -> dict[Path, str | None]:
    """What each file says of its part: by its name ("instances_val2017"), or its folder's."""
    names: dict[Path, str | None] = {}
    for file in files:
        folders = file.relative_to(root).parent.parts
        ends = [file.stem[match.end() :] for match in re.finditer(r"[_.\-]", file.stem)]
        words = [file.stem, *ends, *reversed(folders)]
        names[file] = next((word for word in words if part_of(word)), None)
    return names


@dataclass(frozen=True, slots=True)
class _Found:
    """Where an image of a file is: the sample it belongs to, whether or not there is a file."""

    sample: str
    reason: str


class _Gathered:
    """The content of several files, put together."""

    def __init__(self, part_names: dict[Path, str | None]) -> None:
        self._part_names = part_names
        self._images: dict[str, AnnotatedImage] = {}
        self._missing: dict[str, str] = {}
        self._names: dict[str, Identifier] = {}
        self._objects: list[pl.DataFrame] = []
        self._problems: list[Rejected] = []
        self._files: list[str] = []

    def add(self, content: CocoFile, file: Path, root: Path, finder: ImageFinder) -> None:
        """One more file."""
        shown = file.relative_to(root).as_posix()
        self._files.append(shown)
        part_name = self._part_names[file]
        for image in content.images:
            if "\\" in image.file_name:
                content.problems.add("a file name with backslashes", repr(image.file_name))
        locator = _Locator(finder, (file.parent.name, part_name))
        found = [locator.find(image.file_name) for image in content.images]
        for image, where in zip(content.images, found, strict=True):
            if where.reason:
                self._missing[where.sample] = where.reason
            else:
                self._take(image, where.sample, part_name, shown, content)
        for identifier, name in content.categories.items():
            self._names.setdefault(name, identifier)
        self._objects.append(_named(content, [item.sample for item in found]))
        self._problems += content.problems.rejected()

    def _take(
        self, image: CocoImage, path: str, part_name: str | None, shown: str, content: CocoFile
    ) -> None:
        earlier = self._images.get(path)
        if earlier is not None:
            place = f"{path!r} is image {earlier.source_id} and {image.id}"
            content.problems.add("one file under two image ids, its objects put together", place)
            return
        self._images[path] = AnnotatedImage(
            path, part_name, shown, image.height, image.width, str(image.id)
        )

    def dataset(
        self, path: Path, root: Path, finder: ImageFinder, left_out: list[Rejected]
    ) -> Dataset:
        """Everything as a data set."""
        table = samples(self._images.values())
        objects = pl.concat(self._objects)
        masked = (objects["polygons"].is_not_null() | objects["rle"].is_not_null()).mean()
        task = "instances" if (masked or 0.0) >= _MASKED_SHARE else "detection"  # type: ignore[operator]
        names = sorted(
            self._names, key=lambda name: (str(type(self._names[name])), self._names[name])
        )
        rejected = [Rejected(name, why, "unusable") for name, why in self._missing.items()]
        rejected += self._problems + left_out
        known = {*self._images, *self._missing}
        rejected += unlisted(finder.images, known)
        return Dataset(
            name=path.stem if path.is_file() else path.name,
            root=root,
            layout="coco",
            description=described(
                f"COCO {task}", table, classes=len(names), objects=objects.height
            ),
            task=task,
            targets=(),
            table=table,
            rejected=tuple(rejected),
            classes=tuple(names),
            objects=objects,
            class_ids=_numbers([self._names[name] for name in names]),
            sources=tuple(self._files),
        )


def _numbers(identifiers: Sequence[Identifier]) -> tuple[int, ...]:
    """The identifiers where all are different numbers, else nothing."""
    numbers = [item for item in identifiers if isinstance(item, int)]
    return tuple(numbers) if len(set(numbers)) == len(identifiers) else ()


class _Locator:
    """Finds the images of one JSON file: in the folder beside it, in that of its part, or anywhere.

    Args:
        finder: Knows the images.
        places: Names of folders, first the ones to prefer.
    """

    def __init__(self, finder: ImageFinder, places: Iterable[str | None]) -> None:
        self._finder = finder
        folders = {part for image in finder.images for part in image.split("/")[:-1]}
        self._places = [place for place in places if place and place in folders]
        self._before: dict[str, str] = {}

    def find(self, file_name: str) -> _Found:
        """The image of that name."""
        name = file_name.replace("\\", "/")
        for place in self._places if not name.startswith("/") else ():
            quick = f"{self._before.get(place, place)}/{name}"
            if quick in self._finder.images and ".." not in name:
                return _Found(quick, "")
            located = self._finder.find(f"{place}/{name}")
            if located.path:
                self._before[place] = located.path.removesuffix(f"/{name}")
                return _Found(located.path, "")
        located = self._finder.find(name)
        return _Found(located.path or str(PurePosixPath(name)), located.reason)


def _named(content: CocoFile, paths: Sequence[str]) -> pl.DataFrame:
    """The file's objects with the identifiers of their samples and the names of their classes."""
    names = list(content.categories.values())
    known, classes = pl.Series(paths, dtype=pl.String), pl.Series(names, dtype=pl.String)
    place = pl.when(pl.col("image") >= 0).then(pl.col("image"))
    label = pl.when(pl.col("category") >= 0).then(pl.col("category"))
    columns = content.objects.select(place, label)
    frame = content.objects.with_columns(
        known.gather(columns["image"]).fill_null("an image that is not in the file").alias("id"),
        classes.gather(columns["category"]).alias("label"),
    )
    return frame.select(list(OBJECTS_SCHEMA))
