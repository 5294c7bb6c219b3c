"""A table of image paths and targets: a CSV, TSV or Parquet file, alone or beside its images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl

from phoropter.core.errors import InputError, UsageError
from phoropter.core.records import Dataset, Rejected
from phoropter.data.images import contains_image, subfolders
from phoropter.data.locate import ImageFinder
from phoropter.data.parts import part_of
from phoropter.data.row_files import kind_of
from phoropter.data.table_columns import Columns, choose_columns
from phoropter.data.table_file import SUFFIXES, TableFile, is_table, read_table


def detects(path: Path) -> float:
    """How sure this reader is that `path` is a table of images or a folder with one, in [0, 1]."""
    if path.is_file():
        return 1.0 if is_table(path) and kind_of(path) == "images" else 0.0
    tables = _tables(path)
    if not tables:
        return 0.0
    folders = sum(contains_image(child, deep=True) for child in subfolders(path)[:3])
    if folders == 0 and not contains_image(path):
        return 0.0
    if all(kind_of(table) != "images" for table in tables):
        return 0.0
    return 0.3 if folders > 1 else 0.8


def read(path: Path, *, target: str | None) -> Dataset:
    """The images that the table names, with the targets beside them.

    Args:
        path: The table, or a folder that holds exactly one.
        target: The column to predict; several columns of numbers separated by commas. Left out,
            it is a column of a usual name, the one that the file or folder is named after, or the
            only one there is.

    Raises:
        UsageError: If the target is not clear or not there.
        InputError: If the table cannot be read or names no image.
    """
    file = _table_file(path)
    table = read_table(file)
    finder = ImageFinder(file.parent)
    columns = choose_columns(table, finder, file=file, target=target)
    frame, rejected = _samples(table, columns, finder, file)
    names = columns.target.names
    kind = columns.target.described(frame[names[0]])
    return Dataset(
        name=path.name if path.is_dir() else path.stem,
        root=file.parent,
        layout="csv",
        description=f"table {file.name}, target {', '.join(names)} ({kind}), {frame.height} images",
        task=columns.target.task,
        targets=names,
        table=frame,
        sources=(file.name,),
        rejected=(*rejected, *_unlisted(frame, finder, rejected, file)),
    )


def _tables(folder: Path) -> list[Path]:
    return sorted(child for child in folder.iterdir() if child.is_file() and is_table(child))


def _table_file(path: Path) -> Path:
    if path.is_file():
        return path
    tables = _tables(path)
    if not tables:
        raise InputError(
            f"There is no table in {str(path)!r}.", hint=f"Expected one of {', '.join(SUFFIXES)}."
        )
    if len(tables) > 1:
        raise UsageError(
            f"{str(path)!r} holds {len(tables)} tables: {', '.join(t.name for t in tables)}.",
            hint=f"Name one of them: {tables[0]}",
        )
    return tables[0]


def _samples(
    table: TableFile, columns: Columns, finder: ImageFinder, file: Path
) -> tuple[pl.DataFrame, list[Rejected]]:
    """The rows that name an image and hold a target, and the others with their reasons.

    A row that repeats another is left out; rows that give one image different targets all stay,
    told apart by their line in `id`, so that the contradiction can be found and shown.
    """
    records: list[dict[str, object]] = []
    rejected: list[Rejected] = []
    seen: dict[str, list[tuple[object, ...]]] = {}
    for line, row in zip(table.lines, table.cells.iter_rows(named=True), strict=True):
        located = finder.find(row[columns.path])
        values, problem = columns.target.values(row, decimal_comma=table.decimal_comma)
        problem = located.reason or problem
        earlier = seen.setdefault(located.path or "", [])
        if not problem and values in earlier:
            problem = "repeats an earlier row"
        if problem or located.path is None:
            shown = row[columns.path] or f"line {line}"
            rejected.append(Rejected(shown, f"line {line}: {problem}", "unusable"))
            continue
        identifier = f"{located.path}#line{line}" if earlier else located.path
        earlier.append(values)
        records.append(
            {"id": identifier, "path": located.path, "table_row": f"{file.name}#line{line}"}
            | dict(zip(columns.target.names, values, strict=True))
            | _belonging(row, columns)
        )
    return _frame(records, columns), rejected


def _belonging(row: Mapping[str, str], columns: Columns) -> dict[str, object]:
    part = row[columns.part] if columns.part else ""
    group = row[columns.group] if columns.group else ""
    return {"group": group or None, "part": part_of(part), "part_name": part or None}


def _frame(records: Sequence[Mapping[str, object]], columns: Columns) -> pl.DataFrame:
    schema: dict[str, pl.DataType | type[pl.DataType]] = {
        "id": pl.String,
        "path": pl.String,
        **dict.fromkeys(columns.target.names, columns.target.dtype),
        "group": pl.String,
        "part": pl.String,
        "part_name": pl.String,
        "table_row": pl.String,
    }
    return pl.DataFrame(records, schema=schema).sort("id")


def _unlisted(
    frame: pl.DataFrame, finder: ImageFinder, rejected: Sequence[Rejected], file: Path
) -> list[Rejected]:
    """The images that no row names, in the folders where the table's images lie."""
    named = set(frame["path"])
    folders = {path.rpartition("/")[0] for path in named}
    named |= {path for item in rejected if (path := finder.find(item.path).path)}
    named |= {item.path for item in rejected}
    return [
        Rejected(path, f"{file.name} has no row for it", "unlisted")
        for path in sorted(finder.images - named)
        if path.rpartition("/")[0] in folders
    ] + [item for path, item in sorted(finder.refused.items()) if path not in named]
