"""Two sets of images without pairs between them: trainA, trainB, testA, testB; or two folders."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from phoropter.core.errors import InputError, UsageError
from phoropter.core.records import PARTS, Dataset, Part, Rejected
from phoropter.data.image_sets import image_table, listed_images
from phoropter.data.images import contains_image, subfolders
from phoropter.data.parts import part_of

TARGET = "domain"


@dataclass(frozen=True, slots=True)
class _Half:
    """A folder with images of one set."""

    folder: Path
    domain: str
    part: Part | None
    part_name: str | None


def detects(path: Path) -> float:
    """How sure this reader is that `path` holds trainA, trainB and the like, in [0, 1]."""
    if not path.is_dir():
        return 0.0
    halves = _lettered(path)
    both = {half.domain for half in halves} == {"A", "B"}
    return 0.85 if both and all(contains_image(half.folder, deep=True) for half in halves) else 0.0


def read(path: Path, *, target: str | None) -> Dataset:
    """The images of both sets; the column `domain` says which one an image is of.

    Args:
        path: A folder with trainA and trainB (and testA, testB, ...), or with two folders.
        target: None or "domain".

    Raises:
        InputError: If there are not two sets.
        UsageError: If another target is asked for.
    """
    if target not in {None, TARGET}:
        raise UsageError(
            f"There is no column {target!r}: unpaired images have the target {TARGET!r}.",
            hint="Leave --target out.",
        )
    halves = _lettered(path) or _two(path)
    rows: list[tuple[str, Part | None, str | None]] = []
    domains: list[str] = []
    refused: list[Rejected] = []
    for half in halves:
        found, problems = listed_images(path, half.folder)
        rows += [(shown, half.part, half.part_name) for shown in found]
        domains += [half.domain] * len(found)
        refused += problems
    table = image_table(rows, {TARGET: domains})
    counts = ", ".join(
        f"{table.filter(domain=name).height} of {name}" for name in sorted(set(domains))
    )
    parts = [part for part in PARTS if part in table["part"].unique()]
    given = f", given parts: {', '.join(parts)}" if parts else ""
    return Dataset(
        name=path.name,
        root=path,
        layout="unpaired",
        description=f"two sets of images without pairs, {counts}{given}",
        task="unpaired",
        targets=(TARGET,),
        table=table,
        rejected=tuple(refused),
    )


def _lettered(path: Path) -> list[_Half]:
    """The folders called by a part and a letter: trainA, train_B, testA."""
    halves = []
    for folder in subfolders(path):
        stem, letter = folder.name[:-1].rstrip("_- "), folder.name[-1:].upper()
        part = part_of(stem) if letter in {"A", "B"} else None
        if part:
            halves.append(_Half(folder, letter, part, stem))
    return halves


def _two(path: Path) -> list[_Half]:
    if not path.is_dir():
        raise InputError(f"{str(path)!r} is no folder.", hint="Name a folder with two folders.")
    folders = [folder for folder in subfolders(path) if contains_image(folder, deep=True)]
    if len(folders) != 2:
        raise InputError(
            f"{str(path)!r} holds {len(folders)} folders of images, not two.",
            hint="Expected trainA and trainB, or one folder for each of two sets.",
        )
    return [_Half(folder, folder.name, None, None) for folder in folders]
