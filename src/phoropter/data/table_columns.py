"""What the columns of a table of images are for: path, target, group, part."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from phoropter.core.errors import InputError, UsageError, nearest
from phoropter.data.locate import ImageFinder
from phoropter.data.parts import part_of
from phoropter.data.table_file import TableFile
from phoropter.data.table_targets import MISSING, Target, are_flags, number, separator_of

FEW = 20
"""Whole numbers with at most this many different values are read as classes."""

_PATH_NAMES = (
    "path", "file", "filename", "file_name", "filepath", "file_path", "image", "img", "image_path",
    "img_path", "image_name", "image_id", "image_file", "name", "photo", "picture", "id",
)  # fmt: skip
TARGET_NAMES = ("label", "class", "target", "category", "y", "label_name", "class_name")
GROUP_NAMES = (
    "group", "group_id", "patient", "patient_id", "subject", "subject_id", "writer", "writer_id",
    "session", "session_id", "person", "person_id", "user", "user_id", "speaker", "participant",
)  # fmt: skip
PART_NAMES = ("split", "part", "set", "subset", "partition")


@dataclass(frozen=True, slots=True)
class Columns:
    """What the columns of a table are for.

    Args:
        path: Names the image files.
        target: To be predicted.
        group: Tells which samples belong together, or None.
        part: Holds "train", "val", "test" or the like, or None.
    """

    path: str
    target: Target
    group: str | None
    part: str | None


def choose_columns(
    table: TableFile, finder: ImageFinder, *, file: Path, target: str | None
) -> Columns:
    """Finds out what each column is for, by its name and content.

    Args:
        table: The cells.
        finder: Knows the images beside the table.
        file: The table's file; its name and its folder's may name the target.
        target: The target as the user names it, several separated by commas; None to find it.

    Raises:
        UsageError: If the target is not clear or not there.
        InputError: If no column names images.
    """
    cells = table.cells
    path = _path_column(cells, finder, file)
    wanted = wanted_columns(cells, target, file=file, path=path)
    part = named_column(cells, PART_NAMES)
    if part in wanted or (part and not any(part_of(cell) for cell in cells[part].unique())):
        part = None
    group = named_column(cells, GROUP_NAMES)
    group = None if group in wanted else group
    if wanted:
        return Columns(path, target_of(table, wanted), group, part)
    free = [name for name in cells.columns if name not in {path, part, group}]
    return Columns(path, find_target(table, free, file=file), group, part)


def find_target(table: TableFile, free: Sequence[str], *, file: Path) -> Target:
    """The target among the columns that serve nothing else.

    Columns of 0 and 1 and nothing else are labels that a sample may have several of.

    Raises:
        UsageError: If it is not clear.
    """
    free = [name for name in free if not counts_rows(table.cells, name)]
    known = {name.casefold() for name in free} & set(TARGET_NAMES)
    if len(free) > 1 and not known and all(are_flags(table.cells[name]) for name in free):
        return Target(("labels",), "labels", flags=tuple(free))
    return target_of(table, (target_column(table.cells, free, file=file),))


def target_of(table: TableFile, names: tuple[str, ...]) -> Target:
    """How the cells of the chosen columns are read.

    Raises:
        UsageError: If there are several and one holds no numbers.
    """
    if len(names) > 1:
        if all(are_flags(table.cells[name]) for name in names):
            return Target(("labels",), "labels", flags=names)
        check_numbers(table, names)
        return Target(names, "numbers")
    if is_quantity(table, names[0]):
        return Target(names, "numbers")
    separator = separator_of(table.cells[names[0]].unique().to_list())
    return Target(names, "labels", separator) if separator else Target(names, "class")


def wanted_columns(
    cells: pl.DataFrame, target: str | None, *, file: Path, path: str | None = None
) -> tuple[str, ...]:
    """The columns that the user names as targets; none where nothing is named.

    Args:
        cells: The table.
        target: A column, or several separated by commas.
        file: The table's file.
        path: The column that holds paths, which cannot be a target.

    Raises:
        UsageError: If there is no such column.
    """
    if not target:
        return ()
    if target in cells.columns:
        names: tuple[str, ...] = (target,)
    else:
        names = tuple(name.strip() for name in target.split(","))
    for name in names:
        if name not in cells.columns:
            raise UsageError(
                f"{file.name} has no column {name!r}.", hint=nearest(name, cells.columns)
            )
        if name == path:
            raise UsageError(
                f"The column {name!r} holds the paths and cannot be the target.",
                hint="Name another column with --target.",
            )
    return names


def named_column(cells: pl.DataFrame, names: Sequence[str]) -> str | None:
    """The first column called by one of the names, whatever its case and blanks."""
    plain = {re.sub(r"[ \-]", "_", name.casefold()): name for name in reversed(cells.columns)}
    return next((plain[name] for name in names if name in plain), None)


def _path_column(cells: pl.DataFrame, finder: ImageFinder, file: Path) -> str:
    """The column with the usual name or else the most cells that mean a file."""
    hits = {name: _hits(cells, name, finder) for name in cells.columns}
    best = max(hits, key=lambda name: (hits[name], -cells.columns.index(name)))
    usual = [name for word in _PATH_NAMES if (name := named_column(cells, (word,)))]
    for name in usual:
        if hits[name] >= max(0.5 * hits[best], 1e-9):
            return name
    if hits[best] >= 0.5:
        return best
    if usual:
        example = next((cell for cell in cells[usual[0]] if cell), "")
        raise InputError(
            f"No file that the column {usual[0]!r} of {file.name} names is there, "
            f"for example {example!r}.",
            hint=f"Paths are looked for below {str(file.parent)!r}.",
        )
    raise InputError(
        f"No column of {file.name} holds paths of images: {', '.join(cells.columns)}.",
        hint=f"Name the column 'path'; paths are looked for below {str(file.parent)!r}.",
    )


def _hits(cells: pl.DataFrame, name: str, finder: ImageFinder) -> float:
    """Share of the first filled cells that mean a file."""
    some = [cell for cell in cells[name].head(200) if cell][:50]
    return sum(finder.find(cell).path is not None for cell in some) / len(some) if some else 0.0


def counts_rows(cells: pl.DataFrame, name: str) -> bool:
    """Whether an unnamed column only counts the rows."""
    if not name.startswith(("column ", "Unnamed")) and name.casefold() not in {"index", "id"}:
        return False
    values = [cell for cell in cells[name] if cell]
    return len(set(values)) == len(values) and all(cell.isdigit() for cell in values)


def target_column(cells: pl.DataFrame, free: Sequence[str], *, file: Path) -> str:
    """The one of the free columns that is to be predicted.

    It has a usual name, or that of the file or folder, or is the only one.

    Raises:
        UsageError: If none is, or if it could be one or the other.
    """
    by_name = {name.casefold(): name for name in reversed(free)}
    for word in TARGET_NAMES:
        if word in by_name:
            return by_name[word]
    for source in (
        file.stem,
        file.parent.name,
    ):  # angles.csv -> angle, steering/log.csv -> steering
        words = set(re.split(r"[\W_]+", source.casefold()))
        words |= {word.removesuffix("s") for word in words}
        fits = [name for name in free if name.casefold() in words]
        if len(fits) == 1:
            return fits[0]
    if len(free) == 1:
        return free[0]
    if not free:
        raise UsageError(
            f"{file.name} has no column to predict.", hint="Add a column named 'label'."
        )
    # What is to be predicted mostly has few different values, and the one that has is a fair guess.
    varied = [name for name in free if cells[name].n_unique() > 1] or list(free)
    likely = min(varied, key=lambda name: cells[name].n_unique())
    raise UsageError(
        f"{file.name} does not say which column is to be predicted: {', '.join(free)}.",
        hint=f"Choose one with --target, for example --target {likely!r}.",
    )


def is_quantity(table: TableFile, name: str) -> bool:
    """Whether a target is a quantity rather than a class.

    That is: nearly all of its cells are numbers, with fractions or with many different values.
    """
    filled = [cell for cell in table.cells[name] if cell.casefold() not in MISSING]
    numbers = [number(cell, decimal_comma=table.decimal_comma) for cell in filled]
    values = [value for value in numbers if value is not None and math.isfinite(value)]
    if not values or len(values) < 0.8 * len(filled):
        return False
    if not all(value.is_integer() for value in values):
        return True
    different = len(set(values))
    if name.casefold() in TARGET_NAMES:
        return different > max(FEW, len(values) / 5)
    return different > FEW


def check_numbers(table: TableFile, names: Sequence[str]) -> None:
    """Refuses several targets at once where one of them holds no numbers.

    Raises:
        UsageError: If so.
    """
    for name in names:
        cells = [cell for cell in table.cells[name] if cell.casefold() not in MISSING]
        numbers = [number(cell, decimal_comma=table.decimal_comma) for cell in cells]
        if sum(value is not None for value in numbers) < 0.8 * len(cells):
            raise UsageError(
                f"Several targets must all be numbers, but {name!r} holds {cells[0]!r}.",
                hint="Name one target, or columns of numbers.",
            )
