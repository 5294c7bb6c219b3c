"""Rows of delimited text, however it was written: encoding, delimiter, quotation marks, header."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

LONGEST_CELL = 1 << 24
"""Characters of a cell; a longer one is a quotation mark that was never closed."""

LONGEST_NAME = 60
"""Characters of a column's name; a longer cell in the first row is a sample."""

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_HANGUL = re.compile(rb"(?:[\xb0-\xc8][\xa1-\xfe])+")
_NOT_ASCII = re.compile(rb"[\x80-\xff]")


@dataclass(frozen=True, slots=True)
class TextRows:
    """The filled rows of a delimited text.

    Args:
        rows: Cells, stripped; rows may differ in length.
        lines: The line on which each row begins, counted from 1.
        delimiter: What separates the cells.
        padded: For each place in the rows the cells that ended in blanks.
    """

    rows: list[list[str]]
    lines: list[int]
    delimiter: str
    padded: Mapping[int, int] = field(default_factory=dict)


def encoding_of(content: bytes) -> str:
    """Python's name of the likely encoding: by byte-order mark, UTF-8, Korean or Western.

    >>> encoding_of("카페".encode("cp949")), encoding_of("café".encode("cp1252"))
    ('cp949', 'cp1252')
    """
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            return encoding
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        korean = not _NOT_ASCII.search(_HANGUL.sub(b"", content))
        return "cp949" if korean else "cp1252"
    return "utf-8"


def decoded(content: bytes) -> str:
    """Text of unknown encoding: by its byte-order mark, UTF-8, Korean (cp949) or Western (cp1252).

    >>> decoded("카페".encode("cp949")), decoded("café".encode("cp1252"))
    ('카페', 'café')
    """
    return content.decode(encoding_of(content), errors="replace")


def text_rows(text: str) -> TextRows:
    """The rows of a text.

    Quotation marks hold a cell together as everywhere (RFC 4180), but for tab-separated files in
    which they are plain characters: every line has the same number of tabs, and reading the marks
    would join lines.

    Raises:
        csv.Error: If a cell never ends.
    """
    delimiter = _delimiter(text)
    if delimiter == "\t" and _marks_are_plain(text):
        lines = [line.rstrip("\r\n") for line in io.StringIO(text)]
        return _stripped(((at, line.split(delimiter)) for at, line in enumerate(lines, 1)), "\t")
    return _stripped(_parsed(text, delimiter), delimiter)


def has_header(rows: Sequence[Sequence[str]]) -> bool:
    """Whether the first row names the columns.

    It does not where one of its cells is too long for a name, is a number above numbers, or
    occurs again below.

    >>> has_header([["age", "sex"], ["31", "f"], ["25", "m"]]), has_header([["31", "f"]] * 2)
    (True, False)
    """
    first, *rest = rows
    if any(len(cell) > LONGEST_NAME or "\n" in cell for cell in first):
        return False
    for place, cell in enumerate(first):
        below = [row[place] for row in rest[:1000] if place < len(row) and row[place]]
        if cell and below and (cell in below or (_is_number(cell) and all(map(_is_number, below)))):
            return False
    return True


def _parsed(text: str, delimiter: str, *, strict: bool = False) -> Iterator[tuple[int, list[str]]]:
    """The rows of a text with the line on which each begins."""
    begun = 1
    limit = csv.field_size_limit(LONGEST_CELL)
    try:
        reader = csv.reader(
            io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True, strict=strict
        )
        for row in reader:
            yield begun, row
            begun = reader.line_num + 1
    except csv.Error as error:
        message = f"line {begun}: {error}"
        raise csv.Error(message) from error
    finally:
        csv.field_size_limit(limit)


def _stripped(numbered: Iterable[tuple[int, list[str]]], delimiter: str) -> TextRows:
    rows: list[list[str]] = []
    lines: list[int] = []
    padded: Counter[int] = Counter()
    for line, row in numbered:
        cells = [cell.strip() for cell in row]
        if any(cells):
            rows.append(cells)
            lines.append(line)
            if cells != row:
                pairs = zip(cells, row, strict=True)
                padded.update(at for at, (cell, raw) in enumerate(pairs) if cell and cell != raw)
    return TextRows(rows, lines, delimiter, padded)


def _marks_are_plain(text: str) -> bool:
    """Whether lines of a tab-separated text are rows, and quotation marks would join some."""
    if '"' not in text:
        return False
    filled = [line for line in text.splitlines() if line.strip()]
    if len({line.count("\t") for line in filled}) > 1:
        return False
    try:
        rows = _stripped(_parsed(text, "\t", strict=True), "\t").rows
    except csv.Error:
        return True
    return len(rows) < len(filled)


def _delimiter(text: str) -> str:
    """The candidate that splits the first line into most columns; a comma where none does."""
    first = text.lstrip("\r\n").partition("\n")[0]
    counts = Counter(re.sub(r'"[^"]*"', "", first))
    if counts["\t"]:  # nobody types one by accident, while texts are full of commas
        return "\t"
    return max(",;|", key=lambda mark: counts[mark])


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
