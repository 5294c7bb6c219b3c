"""What became of every file in a folder: none is left out without a word."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from phoropter.core.records import Dataset
from phoropter.data.images import SUFFIXES, is_note, is_shown, is_system_file, walked
from phoropter.data.locate import ImageFinder

EXAMPLES = 3

_HIDDEN = "hidden, or left by a system or a program"
_NOTE = "notes on the data"
_IMAGE = "images that nothing in this layout mentions"
_OTHER = "no part of this layout"


@dataclass(frozen=True, slots=True)
class Ignored:
    """Files that are no data, for one reason.

    Args:
        reason: Why, in a few words.
        count: How many.
        examples: Some of them, relative to the folder.
    """

    reason: str
    count: int
    examples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Accounts:
    """Every file in a folder is counted once: found = samples + sources + rejected + ignored.

    Args:
        found: Files in the folder and all folders below, hidden ones included.
        samples: Images and masks of the data set.
        sources: Files that were read for what they say of the samples, or that hold them.
        rejected: Files that are listed as rejected, with their reason.
        ignored: Files that are no data.
    """

    found: int
    samples: int
    sources: int
    rejected: int
    ignored: tuple[Ignored, ...]

    @property
    def counts(self) -> dict[str, int]:
        """The numbers by name."""
        return {
            "found": self.found,
            "samples": self.samples,
            "sources": self.sources,
            "rejected": self.rejected,
            "ignored": sum(item.count for item in self.ignored),
        }


def account(folder: Path, dataset: Dataset) -> Accounts:
    """Accounts for every file in the folder that a data set was read from.

    Only names are looked at. Of the images in a folder that is rejected as a whole
    ("others/") each one counts.

    Args:
        folder: What the reader was given.
        dataset: What it made of it, indexed or not.
    """
    samples = _files_of_samples(folder, dataset)
    sources = set(dataset.sources)
    rejected = _rejected(folder, dataset)
    found = used = read = refused = 0
    ignored: dict[str, list[str]] = {}
    counts: dict[str, int] = {}
    for place, name, hidden in _files(folder):
        path = f"{place}/{name}" if place else name
        found += 1
        if path in samples:
            used += 1
        elif path in sources:
            read += 1
        elif _told(path) in rejected:
            refused += 1
        else:
            reason = _why_ignored(name, hidden=hidden)
            if reason == _IMAGE and f"{place or '.'}/" in rejected:
                refused += 1
                continue
            counts[reason] = counts.get(reason, 0) + 1
            if counts[reason] <= EXAMPLES:
                ignored.setdefault(reason, []).append(_told(path))
    told = tuple(Ignored(why, counts[why], tuple(some)) for why, some in ignored.items())
    return Accounts(found, used, read, refused, told)


def _files_of_samples(folder: Path, dataset: Dataset) -> set[str]:
    """Paths of images and masks; none where they were unpacked from files of the folder."""
    if dataset.modality != "image" or dataset.root != folder:
        return set()
    tables = [dataset.table] if dataset.objects is None else [dataset.table, dataset.objects]
    return {
        path
        for table in tables
        for column in ("path", "mask_path")
        if column in table.columns
        for path in table[column].drop_nulls().unique().to_list()
    }


def _rejected(folder: Path, dataset: Dataset) -> set[str]:
    """Paths that are rejected; of rows of a table those of the images that they mean."""
    paths = {item.path for item in dataset.rejected}
    rows = [item.path for item in dataset.rejected if item.kind == "unusable"]
    if "table_row" in dataset.table.columns and rows:
        finder = ImageFinder(folder)
        paths |= {found for row in rows if (found := finder.find(row).path)}
    return paths


def _files(folder: Path) -> Iterator[tuple[str, str, bool]]:
    """Folder (relative), name, and whether the folder is hidden, of each file."""
    hidden: set[str] = set()
    start = len(os.fspath(folder)) + 1
    for place, folders, names in walked(folder):
        relative = place[start:].replace(os.sep, "/")
        concealed = relative in hidden
        for name in folders:
            if concealed or not is_shown(Path(name)):
                hidden.add(f"{relative}/{name}" if relative else name)
        for name in names:
            yield relative, name, concealed


def _why_ignored(name: str, *, hidden: bool) -> str:
    if hidden or name.startswith(".") or is_system_file(name):
        return _HIDDEN
    if is_note(name):
        return _NOTE
    return _IMAGE if _is_picture(name) else _OTHER


def _is_picture(name: str) -> bool:
    return PurePosixPath(name).suffix.casefold() in SUFFIXES


def _told(path: str) -> str:
    """A path as `rejected` has it: what is no UTF-8 is spelt out."""
    try:
        path.encode("utf-8")
    except UnicodeEncodeError:
        return os.fsencode(path).decode("utf-8", "backslashreplace")
    return path
