"""Tables as people save them: any delimiter, encoding and header, read as columns of text."""

from __future__ import annotations

import codecs
import csv
import io
import re
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from phoropter.core.errors import InputError

SUFFIXES = (".csv", ".tsv", ".parquet")

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_HANGUL = re.compile(rb"(?:[\xb0-\xc8][\xa1-\xfe])+")
_NOT_ASCII = re.compile(rb"[\x80-\xff]")


@dataclass(frozen=True, slots=True)
class TableFile:
    """The cells of a table, as text.

    Args:
        cells: One column of strings for each of the file's, stripped; "" where a cell is missing.
        lines: Line of the file that each row comes from, counted from 1 (rows of a Parquet file).
        decimal_comma: Whether the file's delimiter says that commas are decimal points.
    """

    cells: pl.DataFrame
    lines: tuple[int, ...]
    decimal_comma: bool = False


def is_table(path: Path) -> bool:
    """Whether a file's name says that it is a table.

    >>> is_table(Path("Labels.CSV"))
    True
    """
    return path.suffix.casefold() in SUFFIXES and not path.name.startswith(".")


def read_table(path: Path) -> TableFile:
    """The table in a CSV, TSV or Parquet file; rows without any content are left out.

    Raises:
        InputError: If the file is no table, or has no row.
    """
    read = _read_parquet if path.suffix.casefold() == ".parquet" else _read_text
    table = read(path)
    if not table.cells.height:
        raise InputError(f"The table {str(path)!r} has no rows.", hint="Check that it is complete.")
    return table


def decoded(content: bytes) -> str:
    """Text of unknown encoding: by its byte-order mark, UTF-8, Korean (cp949) or Western (cp1252).

    >>> decoded("카페".encode("cp949")), decoded("café".encode("cp1252"))
    ('카페', 'café')
    """
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            return content.decode(encoding, errors="replace")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        korean = not _NOT_ASCII.search(_HANGUL.sub(b"", content))
        return content.decode("cp949" if korean else "cp1252", errors="replace")


def _read_text(path: Path) -> TableFile:
    try:
        text = decoded(path.read_bytes())
    except OSError as error:
        raise InputError(f"Cannot read {str(path)!r}: {error.strerror}.") from error
    delimiter = _delimiter(text)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True)
    lines: list[int] = []
    rows: list[list[str]] = []
    try:
        for row in reader:
            cells = [cell.strip() for cell in row]
            if any(cells):
                rows.append(cells)
                lines.append(reader.line_num)
    except csv.Error as error:
        raise InputError(
            f"{str(path)!r} is no sound table: line {reader.line_num}: {error}.",
            hint="Check its quotation marks.",
        ) from error
    if not rows:
        raise InputError(f"The table {str(path)!r} is empty.", hint="Check that it is complete.")
    names = _distinct(rows[0])
    columns = {
        name: [row[place] if place < len(row) else "" for row in rows[1:]]
        for place, name in enumerate(names)
    }
    schema = dict.fromkeys(names, pl.String)
    return TableFile(pl.DataFrame(columns, schema=schema), tuple(lines[1:]), delimiter == ";")


def _read_parquet(path: Path) -> TableFile:
    try:
        table = pl.read_parquet(path)
        cells = table.select(pl.all().cast(pl.String, strict=False).fill_null("").str.strip_chars())
    except (pl.exceptions.PolarsError, OSError) as error:
        raise InputError(
            f"{str(path)!r} cannot be read as a Parquet table: {error}.",
            hint="Columns must hold text or numbers.",
        ) from error
    return TableFile(cells, tuple(range(1, cells.height + 1)))


def _delimiter(text: str) -> str:
    """The candidate that splits the header into most columns; a comma where none does."""
    header = re.sub(r'"[^"]*"', "", text.lstrip("\r\n").partition("\n")[0])
    return max(",;\t|", key=header.count)


def _distinct(header: list[str]) -> list[str]:
    """Column names without repeats; unnamed columns are called by their place.

    >>> _distinct(["", "x", "x"])
    ['column 1', 'x', 'x (column 3)']
    """
    names: list[str] = []
    for place, cell in enumerate(header, start=1):
        name = cell or f"column {place}"
        names.append(f"{name} (column {place})" if name in names else name)
    return names
