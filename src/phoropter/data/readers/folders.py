"""Images in one folder a class, with or without train / val / test folders above."""

from __future__ import annotations

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from phoropter.core.errors import UsageError
from phoropter.core.records import PARTS, Dataset, Part, Rejected
from phoropter.data.images import contains_image, files_below, is_note, refusal, subfolders
from phoropter.data.parts import part_of

TARGET = "label"


@dataclass(frozen=True, slots=True)
class _Branch:
    """A folder that holds class folders."""

    folder: Path
    part: Part | None
    part_name: str | None


@dataclass(frozen=True, slots=True)
class _Found:
    """One image in a class folder."""

    path: str
    label: str
    branch: _Branch


def detects(path: Path) -> float:
    """How sure this reader is that `path` holds class folders, in [0, 1]."""
    if not path.is_dir():
        return 0.0
    base = _base(path)
    branches = _part_branches(base)
    if branches:
        return 0.7
    children = subfolders(base)
    if all(part_of(child.name) for child in children):  # parts without classes: no labels
        return 0.0
    classes = sum(contains_image(child, deep=True) for child in children[:50])
    return {0: 0.0, 1: 0.2}.get(classes, 0.6)


def read(path: Path, *, target: str | None) -> Dataset:
    """The images below `path`, labelled by their class folder.

    Folders inside a class folder belong to the class. Class names that differ only in case are
    one class as long as no part holds both spellings.

    Args:
        path: The folder.
        target: None or "label"; the folders are the only target there is.

    Raises:
        UsageError: If another target is asked for.
    """
    if target not in {None, TARGET}:
        raise UsageError(
            f"There is no column {target!r}: in class folders the target is the folder's name.",
            hint="Leave --target out, or give a CSV file.",
        )
    branches = _part_branches(_base(path)) or (_Branch(_base(path), None, None),)
    found, refused, empty = _collect(path, branches)
    refused += _outside(path, branches)
    spelling = _one_spelling(found)
    table = _table(found, spelling)
    return Dataset(
        name=path.name,
        root=path,
        layout="folders",
        description=_description(table, spelling, empty),
        task="classification",
        targets=(TARGET,),
        table=table,
        rejected=tuple(sorted(refused, key=lambda item: item.path)),
    )


def _base(path: Path) -> Path:
    """`path`, or the folder below it that holds the classes where archives wrap them in folders."""
    children = subfolders(path)
    while len(children) == 1 and not contains_image(path) and part_of(children[0].name) is None:
        inner = subfolders(children[0])
        if not inner or contains_image(children[0]):
            break
        path, children = children[0], inner
    return path


def _part_branches(base: Path) -> tuple[_Branch, ...]:
    """The part folders of `base`; none where "train" is itself a class, beside "bus" and "car"."""
    return tuple(
        _Branch(child, part, child.name)
        for child in subfolders(base)
        if (part := part_of(child.name)) and subfolders(child)
    )


def _collect(
    root: Path, branches: Sequence[_Branch]
) -> tuple[list[_Found], list[Rejected], list[str]]:
    """The images of the class folders, the files that are none, and the classes without any."""
    found: list[_Found] = []
    refused: list[Rejected] = []
    empty: list[str] = []
    for branch in branches:
        for folder in subfolders(branch.folder):
            label = unicodedata.normalize("NFC", folder.name).strip()
            before = len(found)
            for file, refusal_of_file in _files(root, files_below(folder)):
                if refusal_of_file is None:
                    found.append(_Found(file, label, branch))
                else:
                    refused.append(refusal_of_file)
            if len(found) == before:
                empty.append(folder.relative_to(root).as_posix())
    return found, [item for item in refused if item.reason], empty


def _files(root: Path, paths: Iterator[Path]) -> Iterator[tuple[str, Rejected | None]]:
    for path in paths:
        shown = path.relative_to(root).as_posix()
        yield shown, refusal(path, shown)


def _outside(root: Path, branches: Sequence[_Branch]) -> list[Rejected]:
    """The files that lie in no class folder, but for notes that describe the data."""
    inside = {child for branch in branches for child in subfolders(branch.folder)}
    refused = []
    for path in files_below(root):
        if any(parent in inside for parent in path.parents) or is_note(path.name):
            continue
        shown = path.relative_to(root).as_posix()
        refused.append(
            refusal(path, shown)
            or Rejected(shown, "an image outside of any class folder", "unusable")
        )
    return [item for item in refused if item.reason]


def _one_spelling(found: Sequence[_Found]) -> dict[str, str]:
    """The spelling to use for each class name.

    Names equal but for case become the one with most training images, unless one part folder
    holds two of them: then the data mean them as different ("a" and "A").
    """
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    in_training: Counter[str] = Counter()
    places: dict[str, dict[Path, set[str]]] = defaultdict(lambda: defaultdict(set))
    for item in found:
        key = item.label.casefold()
        counts[key][item.label] += 1
        in_training[item.label] += item.branch.part == "train"
        places[key][item.branch.folder].add(item.label)
    spelling: dict[str, str] = {}
    for key, names in counts.items():
        clash = any(len(together) > 1 for together in places[key].values())
        best = min(names, key=lambda name: (-in_training[name], -names[name], name))
        spelling |= {name: name if clash else best for name in names}
    return spelling


def _table(found: Sequence[_Found], spelling: dict[str, str]) -> pl.DataFrame:
    rows = sorted(found, key=lambda item: item.path)
    paths = [item.path for item in rows]
    return pl.DataFrame(
        {
            "id": paths,
            "path": paths,
            TARGET: [spelling[item.label] for item in rows],
            "group": [None] * len(rows),
            "part": [item.branch.part for item in rows],
            "part_name": [item.branch.part_name for item in rows],
        },
        schema=dict.fromkeys(("id", "path", TARGET, "group", "part", "part_name"), pl.String),
    )


def _description(table: pl.DataFrame, spelling: dict[str, str], empty: Sequence[str]) -> str:
    parts = [part for part in PARTS if part in table["part"].unique()]
    text = f"class folders, {table[TARGET].n_unique()} classes, {table.height} images"
    if parts:
        text += f", given parts: {', '.join(parts)}"
    merged = [
        f"{name!r} read as {used!r}" for name, used in sorted(spelling.items()) if name != used
    ]
    if merged:
        text += f"; {', '.join(merged)}"
    if empty:
        text += f"; without images: {', '.join(repr(name) for name in empty)}"
    return text
