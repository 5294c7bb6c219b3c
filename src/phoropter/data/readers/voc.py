"""Pascal VOC: one XML file an image."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from pathlib import Path, PurePosixPath

import polars as pl

from phoropter.core.errors import InputError, UsageError
from phoropter.core.records import Dataset, Rejected
from phoropter.data.annotated import (
    AnnotatedImage,
    ObjectRows,
    described,
    part_in,
    peeked,
    samples,
    unlisted,
)
from phoropter.data.class_names import Names, every_list
from phoropter.data.images import files_below
from phoropter.data.locate import ImageFinder
from phoropter.data.parts import part_of
from phoropter.data.problems import Problems
from phoropter.data.voc_xml import VocFile, read_annotation
from phoropter.data.xml_tree import XmlError, read_xml

_PEEK_BYTES = 2048
_PEEK_XML = 20
_SIGNS = (b"<annotation", b"<filename>", b"<size>", b"<object>", b"<bndbox>")
_LISTS = "ImageSets"


def detects(path: Path) -> float:
    """How sure this reader is that the XML files below `path` are Pascal VOC's, in [0, 1]."""
    if not path.is_dir():
        return 0.0
    found = islice(peeked(path, {".xml"}), _PEEK_XML)
    return 0.92 if any(_is_voc(file) for file in found if file.is_file()) else 0.0


def read(path: Path, *, target: str | None) -> Dataset:
    """The images that the XML files below `path` describe, with their objects.

    An image is found by the file name in the XML, else by the XML's own name. Lists in
    `ImageSets/Main`, else folders, say which part it is in. Names in `classes.txt` come first, in
    their order; other classes follow in alphabetical order.

    Args:
        path: The folder.
        target: None; the objects are the target.

    Raises:
        UsageError: If a target is asked for.
        InputError: If there is no XML file.
    """
    if target is not None:
        raise UsageError(
            f"There is no column {target!r}: VOC files hold objects.", hint="Leave --target out."
        )
    files = [file for file in files_below(path) if _is_xml(file)]
    if not files:
        raise InputError(f"There is no XML file in {str(path)!r}.", hint="Expected Pascal VOC.")
    reading = _Reading(path)
    for file in files:
        reading.add(file)
    return reading.dataset()


def _is_xml(file: Path) -> bool:
    return file.suffix.casefold() == ".xml" and not file.name.startswith(".") and file.is_file()


def _is_voc(file: Path) -> bool:
    with file.open("rb") as opened:
        start = opened.read(_PEEK_BYTES)
    return sum(sign in start for sign in _SIGNS) >= 3


def _part_lists(root: Path) -> list[Path]:
    """The lists in ImageSets whose name is a word for a part."""
    return [
        file
        for file in files_below(root)
        if _LISTS in file.parts and file.suffix == ".txt" and part_of(file.stem)
    ]


def _listed_parts(lists: Sequence[Path]) -> dict[str, str]:
    """The part of each stem, by the lists."""
    parts: dict[str, str] = {}
    for file in lists:
        for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.strip():
                parts.setdefault(PurePosixPath(line.split()[0]).stem, file.stem)
    return parts


class _Reading:
    """The files of one folder, one after the other."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._finder = ImageFinder(root)
        lists = _part_lists(root)
        self._parts = _listed_parts(lists)
        self._sources = [file.relative_to(root).as_posix() for file in lists]
        self._images: dict[str, AnnotatedImage] = {}
        self._objects = ObjectRows()
        self._rejected: list[Rejected] = []
        self._mentioned: set[str] = set()

    def add(self, file: Path) -> None:
        """One XML file: its image becomes a sample, or it is told why not."""
        shown = file.relative_to(self._root).as_posix()
        problems = Problems(shown)
        try:
            content = read_annotation(read_xml(file), problems)
        except (XmlError, OSError) as error:
            self._unreadable(shown, str(error))
            return
        if content is None:
            self._rejected.append(Rejected(shown, "XML of another kind", "junk"))
            return
        self._sources.append(shown)
        path = self._image(content, shown, problems)
        self._rejected += problems.rejected()
        if path is None:
            return
        part_name = self._parts.get(PurePosixPath(path).stem) or part_in(path) or part_in(shown)
        self._images[path] = AnnotatedImage(path, part_name, shown, content.height, content.width)
        self._take(path, content)

    def _take(self, identifier: str, content: VocFile) -> None:
        for found in content.objects:
            self._objects.add(
                identifier, found.label, found.box, polygons=found.polygons, extra=found.extra
            )

    def _unreadable(self, shown: str, why: str) -> None:
        """An XML file that says nothing takes its image with it: nobody knows what is in it."""
        self._rejected.append(Rejected(shown, why, "annotation"))
        located = self._finder.find(PurePosixPath(shown).stem)
        if located.path:
            self._mentioned.add(located.path)
            reason = f"its annotation {shown} cannot be read"
            self._rejected.append(Rejected(located.path, reason, "unusable"))

    def _image(self, content: VocFile, shown: str, problems: Problems) -> str | None:
        """The path of the image that a file describes; None where there is none of its own."""
        stem = PurePosixPath(shown).stem
        located = self._finder.find(content.filename)
        if located.path is None or PurePosixPath(located.path).stem != stem:
            own = self._finder.find(stem)
            if own.path is not None and own.path != located.path:
                located = own
        written = PurePosixPath(content.filename.replace("\\", "/")).name
        if located.path is not None and written != PurePosixPath(located.path).name:
            problems.add("the file name in it is another", f"{content.filename!r}, read as "
                         f"{located.path!r}")  # fmt: skip
        if located.path is None:
            name = content.filename or stem
            self._rejected.append(Rejected(name, f"{located.reason} ({shown})", "unusable"))
            self._take(name, content)
            return None
        if located.path in self._images:
            other = self._images[located.path].annotation
            problems.add("its image is described twice, left out", f"also by {other}")
            return None
        self._mentioned.add(located.path)
        return located.path

    def dataset(self) -> Dataset:
        """Everything as a data set."""
        table, objects = samples(self._images.values()), self._objects.frame()
        seen = sorted(set(objects["label"].drop_nulls()))
        lists = ((list(n.values()), file) for n, file in every_list(self._root) if _fits(n, seen))
        named, source = next(lists, ([], ""))
        classes = (*named, *(label for label in seen if label not in named))
        rejected = self._rejected + unlisted(self._finder.images, self._mentioned)
        return Dataset(
            name=self._root.name,
            root=self._root,
            layout="voc",
            description=described(
                "Pascal VOC detection", table, classes=len(classes), objects=objects.height
            ),
            task=_task(objects),
            targets=(),
            table=table,
            rejected=tuple(rejected),
            classes=classes,
            objects=objects,
            sources=(*self._sources, *([source] if source else [])),
        )


def _fits(names: Names, seen: Sequence[str]) -> bool:
    """Whether a list names at least half of the classes that there are."""
    return 2 * len(set(names.values()) & set(seen)) >= len(seen)


def _task(objects: pl.DataFrame) -> str:
    """Objects for instance segmentation where each has a polygon."""
    return "instances" if objects.height and not objects["polygons"].null_count() else "detection"
