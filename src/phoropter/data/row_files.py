"""Which files of rows lie at a path, what they hold, and how several are read as one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import polars as pl

from phoropter.core.errors import InputError, UsageError
from phoropter.core.records import PARTS, Rejected
from phoropter.data.images import SUFFIXES as IMAGE_SUFFIXES
from phoropter.data.images import contains_image
from phoropter.data.locate import ImageFinder
from phoropter.data.parts import part_of
from phoropter.data.row_columns import text_columns
from phoropter.data.table_file import LINE_SUFFIXES, TableFile, is_table, read_table

Kind = Literal["images", "texts", "rows"]

HEAD_ROWS = 500
"""Rows from which it is told what a file holds."""

_ENDINGS = tuple(IMAGE_SUFFIXES)


@dataclass(frozen=True, slots=True, eq=False)
class RowFiles:
    """The rows of one or more files with the same columns.

    Args:
        root: The folder of the files.
        name: What to call the data set.
        files: The files' names, as far as they are read.
        table: The cells of all of them; "" in columns that a file does not have.
        origin: One row for each of these: `path` (the file's name), `line`, `part`, `part_name`.
        notes: What is particular about the files, for people.
        rejected: Files that are not read.
    """

    root: Path
    name: str
    files: tuple[str, ...]
    table: TableFile
    origin: pl.DataFrame
    notes: tuple[str, ...] = ()
    rejected: tuple[Rejected, ...] = ()


def is_row_file(path: Path) -> bool:
    """Whether a file's name says that it holds rows: a table, or JSON lines."""
    shown = not path.name.startswith(".")
    return is_table(path) or (shown and path.suffix.casefold() in LINE_SUFFIXES)


def row_files(folder: Path) -> list[Path]:
    """The files of rows directly in a folder, sorted."""
    return sorted(child for child in folder.iterdir() if child.is_file() and is_row_file(child))


def kind_of(path: Path) -> Kind | None:
    """What the rows of a file are, told from its beginning; None where it has none.

    Rows name images where a column is full of image files' names, or of files that are there.
    """
    try:
        cells = read_table(path, header=None, most=HEAD_ROWS).cells
    except InputError:  # reading it whole says what is wrong with it
        return None
    if _names_images(cells, path.parent):
        return "images"
    return "texts" if text_columns(cells) else "rows"


def kind_of_all(path: Path) -> Kind | None:
    """What a file of rows, or the first such file of a folder, holds."""
    if path.is_file():
        return kind_of(path) if is_row_file(path) else None
    kinds = (kind_of(file) for file in row_files(path))
    return next((kind for kind in kinds if kind is not None), None)


def confidence(path: Path, kind: Kind) -> float:
    """How sure a reader of texts or of rows can be that `path` is its own, in [0, 1].

    A file that cannot be read is claimed by the reader of rows, which says what is wrong. Beside
    images a table is more likely to describe them.
    """
    if path.is_dir() and not row_files(path):
        return 0.0
    if path.is_file() and not is_row_file(path):
        return 0.0
    found = kind_of_all(path)
    if found is None:
        return 0.2 if kind == "rows" else 0.0
    if found != kind:
        return 0.0
    return 0.15 if path.is_dir() and contains_image(path, deep=True) else 0.9


def gather(path: Path) -> RowFiles:
    """The rows of a file, or of all files of a folder that belong together.

    They belong together where their names say which part each one is (train.csv, test.csv), or
    where they have the same columns.

    Raises:
        InputError: If there is no file of rows, or one cannot be read.
        UsageError: If it is not clear which files are meant.
    """
    if path.is_file():
        return _joined(path.parent, path.stem, [path], parts=False)
    files = row_files(path)
    if not files:
        raise InputError(
            f"There is no table in {str(path)!r}.",
            hint="Expected a CSV, TSV, Parquet or JSON lines file.",
        )
    parts = [file for file in files if part_of(file.stem)]
    if any(part_of(file.stem) == "train" for file in parts):
        parts.sort(key=lambda file: (PARTS.index(part_of(file.stem) or "train"), file.name))
        beside = tuple(
            Rejected(file.name, "lies beside the parts and is not read", "unlisted")
            for file in files
            if file not in parts
        )
        return replace(_joined(path, path.name, parts, parts=True), rejected=beside)
    return _joined(path, path.name, files, parts=False)


def _joined(root: Path, name: str, files: Sequence[Path], *, parts: bool) -> RowFiles:
    tables = [read_table(file, header=None) for file in files]
    names = list(dict.fromkeys(name for table in tables for name in table.cells.columns))
    if not parts:
        _check_same_columns(root, files, tables)
    cells = pl.concat([table.cells for table in tables], how="diagonal").select(names)
    origin = pl.concat(
        [_origin(file, table, part=parts) for file, table in zip(files, tables, strict=True)]
    )
    surplus: set[int] = set()
    start = 0
    for table in tables:
        surplus |= {start + at for at in table.surplus}
        start += table.cells.height
    whole = TableFile(
        cells.with_columns(pl.all().fill_null("")),
        tuple(origin["line"].to_list()),
        decimal_comma=any(table.decimal_comma for table in tables),
        header=tables[0].header,
        surplus=frozenset(surplus),
        padded=sum((Counter(table.padded) for table in tables), Counter()),
    )
    notes = (*_encodings(tables), *_absent(files, tables, names))
    return RowFiles(root, name, tuple(file.name for file in files), whole, origin, notes)


def _check_same_columns(root: Path, files: Sequence[Path], tables: Sequence[TableFile]) -> None:
    columns = [set(table.cells.columns) for table in tables]
    if all(names == columns[0] for names in columns):
        return
    raise UsageError(
        f"{str(root)!r} holds {len(files)} tables with different columns: "
        f"{', '.join(file.name for file in files)}.",
        hint=f"Name one of them: {files[0]}",
    )


def _origin(file: Path, table: TableFile, *, part: bool) -> pl.DataFrame:
    count = table.cells.height
    given = part_of(file.stem) if part else None
    return pl.DataFrame(
        {
            "path": [file.name] * count,
            "line": list(table.lines),
            "part": [given] * count,
            "part_name": [file.stem if given else None] * count,
        },
        schema={"path": pl.String, "line": pl.Int64, "part": pl.String, "part_name": pl.String},
    )


def _encodings(tables: Sequence[TableFile]) -> list[str]:
    """The encodings worth a word: those that are not some form of UTF-8."""
    found = {table.encoding for table in tables} - {"", "utf-8", "utf-8-sig"}
    return [f"encoding {', '.join(sorted(found))}"] if found else []


def _absent(files: Sequence[Path], tables: Sequence[TableFile], names: Sequence[str]) -> list[str]:
    notes = []
    for file, table in zip(files, tables, strict=True):
        lacking = [name for name in names if name not in table.cells.columns]
        if lacking:
            notes.append(f"{file.name} has no column {', '.join(lacking)}")
    return notes


def _names_images(cells: pl.DataFrame, folder: Path) -> bool:
    some = {name: [cell for cell in cells[name] if cell][:50] for name in cells.columns}
    for found in some.values():
        named = sum(cell.casefold().endswith(_ENDINGS) for cell in found)
        if found and named >= 0.5 * len(found):
            return True
    if not contains_image(folder, deep=True):
        return False
    finder = ImageFinder(folder)
    return any(
        found and sum(finder.find(cell).path is not None for cell in found) >= 0.5 * len(found)
        for found in some.values()
    )
