"""Tables as people save them, in text or Parquet or JSON lines, read as columns of text."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from phoropter.core.errors import InputError
from phoropter.data.sound_file import read_binary
from phoropter.data.table_text import decoded, encoding_of, has_header, text_rows

SUFFIXES = (".csv", ".tsv", ".parquet")
LINE_SUFFIXES = (".jsonl", ".ndjson")

LARGEST_BYTES = 2 << 30
"""Larger files of text are refused: their cells would take several times as much memory."""

HEAD_BYTES = 1 << 18
"""What is read of a file where a few rows are enough."""

MOST_COLUMNS = 20_000
"""A row with more cells is no table but a picture, a matrix or noise."""


@dataclass(frozen=True, slots=True)
class TableFile:
    """The cells of a table, as text.

    Args:
        cells: One column of strings for each of the file's, stripped; "" where a cell is missing.
        lines: Line on which each row begins, counted from 1 (rows of a Parquet file).
        decimal_comma: Whether the file's delimiter says that commas are decimal points.
        encoding: Python's name of the encoding, "" for Parquet.
        header: Whether the first row named the columns.
        surplus: Positions of rows with more filled cells than there are columns.
        padded: For columns where that is so the number of cells that ended in blanks.
    """

    cells: pl.DataFrame
    lines: tuple[int, ...]
    decimal_comma: bool = False
    encoding: str = ""
    header: bool = True
    surplus: frozenset[int] = frozenset()
    padded: Mapping[str, int] = field(default_factory=dict)


def is_table(path: Path) -> bool:
    """Whether a file's name says that it is a table.

    >>> is_table(Path("Labels.CSV"))
    True
    """
    return path.suffix.casefold() in SUFFIXES and not path.name.startswith(".")


def read_table(path: Path, *, header: bool | None = True, most: int | None = None) -> TableFile:
    """The table in a CSV, TSV, Parquet or JSON lines file; rows without content are left out.

    Args:
        path: The file.
        header: Whether the first row of a text names the columns; None to find out.
        most: Rows that are enough; of a larger file only the beginning is read.

    Raises:
        InputError: If the file is no table, or has no row.
    """
    suffix = path.suffix.casefold()
    if suffix == ".parquet":
        table = _read_parquet(path, most)
    elif suffix in LINE_SUFFIXES:
        table = _read_lines(path, most)
    else:
        table = _read_text(path, header=header, most=most)
    if not table.cells.height:
        raise InputError(f"The table {str(path)!r} has no rows.", hint="Check that it is complete.")
    return table


def cells_of(table: pl.DataFrame) -> pl.DataFrame:
    """The columns of a typed table as text, "" for null; lists and records as JSON.

    >>> cells_of(pl.DataFrame({"a": [1, None], "b": [[1, 2], None]})).rows()
    [('1', '[1, 2]'), ('', '')]
    """
    columns = []
    for column in table.get_columns():
        if column.dtype.is_nested() or column.dtype in {pl.Binary, pl.Object}:
            values = [_spelt(value) for value in column.to_list()]
            columns.append(pl.Series(column.name, values, dtype=pl.String))
        else:
            columns.append(column.cast(pl.String, strict=False).fill_null("").str.strip_chars())
    return pl.DataFrame(columns)


def _read_text(path: Path, *, header: bool | None, most: int | None) -> TableFile:
    content = _content(path, most)
    try:
        read = text_rows(decoded(content))
    except csv.Error as error:
        raise InputError(
            f"{str(path)!r} is no sound table: {error}.", hint="Check its quotation marks."
        ) from error
    if not read.rows:
        raise InputError(f"The table {str(path)!r} is empty.", hint="Check that it is complete.")
    width = max(map(len, read.rows))
    if width > MOST_COLUMNS:
        raise InputError(
            f"{str(path)!r} is no sound table: a row has {width:,} cells.",
            hint=f"Tables of up to {MOST_COLUMNS:,} columns are read.",
        )
    named = has_header(read.rows) if header is None else header
    if named:
        rows, lines, names = read.rows[1:], read.lines[1:], _distinct(read.rows[0])
    else:
        rows, lines, names = read.rows, read.lines, _distinct([""] * width)
    rows, lines = rows[:most], lines[:most]
    return TableFile(
        _frame(rows, names),
        tuple(lines),
        decimal_comma=read.delimiter == ";",
        encoding=encoding_of(content),
        header=named,
        surplus=frozenset(at for at, row in enumerate(rows) if any(row[len(names) :])),
        padded={names[at]: count for at, count in read.padded.items() if at < len(names)},
    )


def _read_lines(path: Path, most: int | None) -> TableFile:
    content = _content(path, most)
    records: list[dict[str, str]] = []
    lines: list[int] = []
    for number, line in enumerate(decoded(content).split("\n"), start=1):
        if not line.strip():
            continue
        if len(records) == most:
            break
        records.append(_record(line, path, number))
        lines.append(number)
    names = list(dict.fromkeys(name for record in records for name in record))
    if len(names) > MOST_COLUMNS:
        raise InputError(
            f"{str(path)!r} is no sound table: its lines have {len(names):,} different fields.",
            hint="Every line should hold the same fields.",
        )
    columns = {name: [record.get(name, "") for record in records] for name in names}
    cells = pl.DataFrame(columns, schema=dict.fromkeys(names, pl.String))
    return TableFile(cells, tuple(lines), encoding=encoding_of(content))


def _record(line: str, path: Path, number: int) -> dict[str, str]:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InputError(
            f"{str(path)!r} is no sound table: line {number} is no JSON: {error}.",
            hint='Each line should be one object, such as {"text": "...", "label": "..."}.',
        ) from error
    if not isinstance(value, dict) or not value:
        raise InputError(
            f"{str(path)!r} is no sound table: line {number} is no JSON object.",
            hint='Each line should be one object, such as {"text": "...", "label": "..."}.',
        )
    return {name: _spelt(item).strip() for name, item in value.items()}


def _spelt(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bytes):
        return value.hex()
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _content(path: Path, most: int | None) -> bytes:
    """The bytes of a file, or whole lines from its beginning where a few rows are enough."""
    try:
        size = path.stat().st_size
        if most is not None and size > HEAD_BYTES:
            with path.open("rb") as file:
                start = file.read(HEAD_BYTES)
            return start[: start.rfind(b"\n") + 1] or start
        if size > LARGEST_BYTES:
            raise InputError(
                f"{str(path)!r} has {size / 2**30:.1f} GiB; tables of text are read up to "
                f"{LARGEST_BYTES / 2**30:.0f} GiB.",
                hint="Divide it, or save it as Parquet.",
            )
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"Cannot read {str(path)!r}: {error.strerror}.") from error


def _read_parquet(path: Path, most: int | None) -> TableFile:
    table = read_binary(path, "parquet")
    cells = cells_of(table if most is None else table.head(most))
    return TableFile(cells, tuple(range(1, cells.height + 1)))


def _frame(rows: Sequence[Sequence[str]], names: Sequence[str]) -> pl.DataFrame:
    columns = {
        name: [row[place] if place < len(row) else "" for row in rows]
        for place, name in enumerate(names)
    }
    return pl.DataFrame(columns, schema=dict.fromkeys(names, pl.String))


def _distinct(header: Sequence[str]) -> list[str]:
    """Column names without repeats; unnamed columns are called by their place.

    >>> _distinct(["", "x", "x"])
    ['column 1', 'x', 'x (column 3)']
    """
    names: list[str] = []
    taken: set[str] = set()
    for place, cell in enumerate(header, start=1):
        name = cell or f"column {place}"
        if name in taken:
            name = f"{name} (column {place})"
        names.append(name)
        taken.add(name)
    return names
