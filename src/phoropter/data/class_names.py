"""The files beside annotated images that say what the numbers or colours of classes mean."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

MAX_BYTES = 1 << 20
"""Larger files hold something else than names."""

_LISTS = re.compile(
    r"(obj|coco|voc)\.names|(class_?dict|class(es)?|label_?colou?rs)\.csv"
    r"|(class|classes|labels?|class_?names|label_?map|label_?colou?rs|predefined_classes"
    r"|class_?dict)(_list)?\.(txt|names)",
    re.IGNORECASE,
)
_NUMBERED = re.compile(r"(\d+)\s*[:,;=\t ]\s*(.+)")
_COLOURED = re.compile(r"(\d{1,3})[\s,;]+(\d{1,3})[\s,;]+(\d{1,3})[\s,;]+(.*\D.*)")
_COLOURED_LAST = re.compile(
    r"(.*\D)[\s,;:]+(\d{1,3})[\s,;]+(\d{1,3})[\s,;]+(\d{1,3})(?:[:\s,;].*)?"
)
_IGNORED = re.compile(r"void|ignored?|unlabell?ed|unannotated|don'?t ?care", re.IGNORECASE)
_IGNORED_IN_NOTES = re.compile(
    r"\b(\d{1,3})\s*(?:=|is|:)\s*(?:void|ignored?|unlabell?ed)\b", re.IGNORECASE
)

Names = dict[int, str]


def listed_names(folder: Path) -> tuple[Names, str]:
    """Class names by number from a list directly in `folder`, and the file; nothing if none.

    Colours count as 65536 r + 256 g + b.
    """
    return next(every_list(folder), ({}, ""))


def every_list(folder: Path) -> Iterator[tuple[Names, str]]:
    """The class names of each list directly in `folder`, and its file name; text files first."""
    files = sorted(child for child in folder.iterdir() if child.is_file())
    small = [file for file in files if file.stat().st_size <= MAX_BYTES]
    for file in small:
        if _LISTS.fullmatch(file.name):
            names = parse_names(_text(file).splitlines())
            if names:
                yield names, file.name
    for file in small:
        if file.suffix.casefold() in {".yaml", ".yml"}:
            names = names_in(read_yaml(file))
            if names:
                yield names, file.name


def is_names_file(name: str) -> bool:
    """Whether a file of this name lists classes ("classes.txt", "obj.names").

    >>> is_names_file("classes.txt"), is_names_file("0001.txt")
    (True, False)
    """
    return _LISTS.fullmatch(name) is not None


def parse_names(lines: Iterable[str]) -> Names:
    """Names by number: one a line, with or without their number or colour.

    >>> parse_names(["sky", "road"]), parse_names(["0 sky", "255 void"])
    ({0: 'sky', 1: 'road'}, {0: 'sky', 255: 'void'})
    >>> parse_names(["name,r,g,b", "Animal,0,1,64"])
    {320: 'Animal'}
    """
    kept = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    for reading in (_coloured, _numbered):
        rows = list(reading(kept))
        if rows and len(rows) >= len(kept) - 1:  # the first line may be a header
            return dict(rows)
    return dict(enumerate(kept))


def _coloured(lines: Sequence[str]) -> Iterator[tuple[int, str]]:
    for line in lines:
        first, last = _COLOURED.fullmatch(line), _COLOURED_LAST.fullmatch(line)
        if first:
            red, green, blue, name = first.groups()
        elif last:
            name, red, green, blue = last.groups()
        else:
            continue
        if max(int(red), int(green), int(blue)) <= 255:
            yield packed_colour(int(red), int(green), int(blue)), name.strip(" \t,;:")


def _numbered(lines: Sequence[str]) -> Iterator[tuple[int, str]]:
    for line in lines:
        match = _NUMBERED.fullmatch(line)
        if match and len(match.group(1)) < 9:
            yield int(match.group(1)), match.group(2).strip()


def packed_colour(red: int, green: int, blue: int) -> int:
    """A colour as one number.

    >>> packed_colour(1, 2, 3)
    66051
    """
    return red << 16 | green << 8 | blue


def names_in(content: object) -> Names:
    """The names in a YAML file with `names` or `classes`: a list, or by number."""
    if not isinstance(content, Mapping):
        return {}
    said: Any = content.get("names", content.get("classes"))
    if isinstance(said, list):
        said = dict(enumerate(said))
    if not isinstance(said, Mapping):
        return {}
    names: Names = {}
    for key, name in said.items():
        number = (
            int(key) if str(key).isascii() and str(key).isdigit() and len(str(key)) < 9 else None
        )
        if number is not None and isinstance(name, str | int | float):
            names[number] = str(name).strip()
    return dict(sorted(names.items()))


def read_yaml(file: Path) -> object:
    """The content of a YAML file; None where it cannot be read."""
    if file.stat().st_size > MAX_BYTES:
        return None
    try:
        return yaml.safe_load(_text(file))
    except (yaml.YAMLError, RecursionError, ValueError):
        return None


def ignored(names: Mapping[int, str], folder: Path) -> tuple[int, ...]:
    """The numbers that mean "no class": by their name, or by a note of the folder's README."""
    found = {number for number, name in names.items() if _IGNORED.fullmatch(name)}
    if not found:
        for file in sorted(folder.iterdir()):
            if file.name.casefold().startswith("readme") and file.stat().st_size <= MAX_BYTES:
                found |= {int(number) for number in _IGNORED_IN_NOTES.findall(_text(file))}
    return tuple(sorted(found))


def _text(file: Path) -> str:
    return file.read_bytes().decode("utf-8-sig", "replace")
