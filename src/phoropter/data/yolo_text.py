"""The lines of YOLO's label files, and the data.yaml beside them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from phoropter.data.annotated import finite_number
from phoropter.data.class_names import Names, names_in, read_yaml
from phoropter.data.problems import Problems

MAX_BYTES = 64 * 2**20
"""Larger label files are refused."""

_WHOLE = re.compile(r"[+-]?\d{1,9}(\.0*)?")
_PARTS = ("train", "val", "test")


@dataclass(frozen=True, slots=True)
class YoloLine:
    """One object; `values` are shares of the image's width and height.

    Args:
        number: Of the line, from 1.
        class_id: The number of its class.
        values: Centre x, centre y, width and height, then any keypoints; or 6 and more numbers: a
            polygon x, y, ...
    """

    number: int
    class_id: int
    values: tuple[float, ...]


def parse_lines(text: str, problems: Problems, *, keypoints: bool = False) -> Iterator[YoloLine]:
    """The objects in a label file; lines that say nothing usable are noted.

    With `keypoints` the numbers behind a box are points of the object, not a polygon.

    >>> [line.values for line in parse_lines("0 .5 .5 .2 .1", Problems("a.txt"))]
    [(0.5, 0.5, 0.2, 0.1)]
    """
    for number, line in enumerate(text.splitlines(), start=1):
        cells = line.split()
        if not cells:
            continue
        reason = _fault(cells, keypoints=keypoints)
        if reason:
            problems.add(f"{reason}, left out", f"line {number}: {line.strip()[:60]!r}")
            continue
        yield YoloLine(number, int(float(cells[0])), tuple(float(cell) for cell in cells[1:]))


def _fault(cells: list[str], *, keypoints: bool = False) -> str:
    """What is wrong with the cells of a line, "" for nothing."""
    if any("," in cell for cell in cells):
        return "commas between the numbers"
    if not _WHOLE.fullmatch(cells[0]):
        return "the class is no whole number"
    if not all(_is_finite(cell) for cell in cells[1:]):
        return "not all are finite numbers"
    if keypoints and len(cells) >= 5:
        return ""
    if len(cells) == 6:
        return "six numbers: a prediction with its confidence?"
    if len(cells) < 5 or len(cells) % 2 == 0:
        return f"{len(cells)} numbers, not 5 or those of a polygon"
    return ""


def _is_finite(cell: str) -> bool:
    try:
        return finite_number(float(cell)) is not None
    except ValueError:
        return False


@dataclass(frozen=True, slots=True)
class YoloConfig:
    """What data.yaml says.

    Args:
        names: Class names by number.
        folders: The part's word of each folder or list of images, relative to the root.
        problems: What is wrong in it.
        keypoints: Whether lines hold points behind their box (`kpt_shape`).
    """

    names: Names
    folders: Mapping[str, str]
    problems: Problems
    keypoints: bool = False


def find_config(root: Path) -> Path | None:
    """The YAML file directly in `root` that names classes, or None."""
    for file in sorted(root.iterdir()):
        if file.suffix.casefold() in {".yaml", ".yml"} and file.is_file():
            content = read_yaml(file)
            named = names_in(content)
            if named and isinstance(content, Mapping) and {*_PARTS, "nc"} & set(content):
                return file
    return None


def read_config(file: Path, root: Path) -> YoloConfig:
    """The content of a data.yaml; its paths are followed only inside of `root`."""
    problems = Problems(file.relative_to(root).as_posix())
    content: Any = read_yaml(file)
    if not isinstance(content, Mapping):
        problems.add("it cannot be read", "no mapping")
        return YoloConfig({}, {}, problems)
    names = names_in(content)
    count = content.get("nc")
    if count is not None and count != len(names):
        problems.add("nc differs from the number of names", f"{count!r} and {len(names)}")
    folders: dict[str, str] = {}
    for part in _PARTS:
        said = content.get(part)
        for entry in said if isinstance(said, list) else [said]:
            if not isinstance(entry, str) or not entry.strip():
                continue
            place = _inside(entry, content.get("path"), root)
            if place is None:
                problems.add("a folder that is not there", f"{part}: {entry!r}")
            else:
                folders[place] = part
    return YoloConfig(names, folders, problems, keypoints="kpt_shape" in content)


def _inside(entry: str, base: object, root: Path) -> str | None:
    """A path of data.yaml relative to the root, or None where it leads elsewhere or nowhere.

    Leading "../" is left out if need be: exports write "../train/images" for "train/images".
    """
    text = entry.strip().replace("\\", "/")
    bases = [str(base), ""] if isinstance(base, str) else [""]
    wanted = [*(f"{start}/{text}" if start else text for start in bases), text.lstrip("./") or ".."]
    for candidate in wanted:
        relative = os.path.normpath(candidate)
        if relative.startswith("/"):
            relative = os.path.relpath(relative, root)
        if relative.startswith("..") or "\0" in relative:
            continue
        if _is_inside(root / relative, root):
            return Path(relative).as_posix()
    return None


def _is_inside(place: Path, root: Path) -> bool:
    """Whether there is something at `place`, wherever links lead, that lies below `root`."""
    try:
        return place.exists() and place.resolve().is_relative_to(root.resolve())
    except (OSError, RuntimeError):  # a name that is too long, links in a circle: nothing is there
        return False


def listed_images(file: Path) -> list[str]:
    """The paths in a list of images (train.txt), one a line."""
    if file.stat().st_size > MAX_BYTES:
        return []
    text = file.read_bytes().decode("utf-8-sig", "replace")
    return [line.strip() for line in text.splitlines() if line.strip()]


def looks_like_labels(file: Path) -> bool:
    """Whether the first line with anything on it is an object of YOLO's."""
    with file.open("rb") as opened:
        start = opened.read(4096).decode("utf-8-sig", "replace")
    first = next((line for line in start.splitlines() if line.strip()), "")
    cells = first.split()
    return len(cells) >= 5 and not _fault(cells) and max(map(abs, map(float, cells[1:]))) < 1.5
