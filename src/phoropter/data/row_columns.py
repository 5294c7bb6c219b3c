"""What the columns of a table without pictures hold: language, numbers, categories, row numbers."""

from __future__ import annotations

import re

import polars as pl

MISSING_CELLS = frozenset({"", "nan", "null", "n/a", "#n/a", "na"})
"""Cells of an input that stand for nothing, in lower case."""

TEXT_NAMES = frozenset(
    {
        "text", "texts", "sentence", "sentences", "review", "comment", "message", "tweet", "body",
        "content", "document", "article", "headline", "title", "description", "question", "answer",
        "utterance", "q", "a", "premise", "hypothesis", "summary", "sms", "email", "post",
    }
)  # fmt: skip
"""Names that say that a column holds language."""

LOOKED_AT = 500
"""Filled cells from which the kind of a column is told."""

MOSTLY = 0.8
"""Share of filled cells that are numbers from which a column is meant to hold numbers."""

IDENTIFYING_SHARE = 0.95
"""Share of different values from which codes and whole numbers only name the rows."""

_WORD = re.compile(r"[^\W\d_]+")
_UNSPACED = re.compile(r"[぀-ヿ一-鿿]")  # Japanese and Chinese write without blanks
_TIME = re.compile(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}(?:[ T]\d{1,2}:\d{2}.*)?")


def text_columns(cells: pl.DataFrame) -> tuple[str, ...]:
    """The columns that hold language, if language is what the table is about; else none.

    It is where these columns hold half of all characters, or a fifth and have a usual name.

    >>> text_columns(pl.DataFrame({"id": ["1", "2"], "text": ["good old times", "oh no not you"]}))
    ('text',)
    >>> text_columns(pl.DataFrame({"age": ["31", "25"], "town": ["New York", "Rome"]}))
    ()
    """
    samples = {name: _filled(cells[name]) for name in cells.columns}
    mass = {name: sum(map(len, sample)) for name, sample in samples.items()}
    speaking = [name for name in samples if is_language(cells[name])]
    share = sum(mass[name] for name in speaking) / max(sum(mass.values()), 1)
    named = any(name.casefold() in TEXT_NAMES for name in speaking)
    return tuple(speaking) if share >= (0.2 if named else 0.5) else ()


def typed(column: pl.Series, *, decimal_comma: bool = False) -> pl.Series:
    """The column as numbers if every filled cell is one, else as text; null where missing.

    >>> typed(pl.Series("x", ["1", "", "2.5"])).to_list()
    [1.0, None, 2.5]
    >>> typed(pl.Series("x", ["1", "", "many"])).to_list()
    ['1', None, 'many']
    """
    filled = blanked(column)
    count = len(filled) - filled.null_count()
    numbers = numbers_of(filled, decimal_comma=decimal_comma)
    known = len(numbers) - numbers.null_count()
    if count and known == count:
        return numbers
    if known >= MOSTLY * count > 0:  # words among numbers, "n/a" too, are left for people to see
        return column.to_frame().select(pl.when(pl.first() != "").then(pl.first())).to_series()
    return filled


def blanked(column: pl.Series) -> pl.Series:
    """A column of text with null for the cells that stand for nothing."""
    missing = column.str.to_lowercase().is_in(list(MISSING_CELLS))
    return column.to_frame().select(pl.when(~missing).then(pl.first())).to_series()


def numbers_of(column: pl.Series, *, decimal_comma: bool = False) -> pl.Series:
    """The numbers of a column, null where a cell holds none; infinities stay.

    >>> numbers_of(pl.Series("x", ["1e3", "?", "inf"])).to_list()
    [1000.0, None, inf]
    """
    if column.dtype.is_numeric():
        return column.cast(pl.Float64)
    text = column.cast(pl.String)
    if decimal_comma:
        text = text.str.replace_all(",", ".", literal=True)
    return text.cast(pl.Float64, strict=False)


def is_time(column: pl.Series) -> bool:
    """Whether nearly all filled cells are dates, alone or with the time of day.

    >>> is_time(pl.Series(["2024-01-01 00:00:00", "2024-01-02"])), is_time(pl.Series(["1.5", "2"]))
    (True, False)
    """
    if column.dtype != pl.String:
        return False
    sample = _filled(column)
    dates = sum(_TIME.fullmatch(cell) is not None for cell in sample)
    return bool(sample) and dates >= 0.95 * len(sample)


def is_identifier(column: pl.Series) -> bool:
    """Whether a typed column only names the rows: codes, running numbers, nearly all different.

    Measurements (numbers with fractions, or whole numbers with gaps), dates and language are none.

    >>> is_identifier(pl.Series([4.0, 1, 2, 3] * 5 + list(range(5, 500))))
    True
    >>> is_identifier(pl.Series([0.5, 1.5, 2.5] * 10)), is_identifier(pl.Series(["a"] * 30))
    (False, False)
    """
    filled = column.drop_nulls()
    if len(filled) < 10 or filled.n_unique() < IDENTIFYING_SHARE * len(filled):
        return False
    if column.dtype == pl.String:
        return not is_time(column) and not is_language(column)
    if not filled.is_finite().all() or (filled != filled.floor()).any():
        return False
    span = float(filled.max()) - float(filled.min()) + 1  # type: ignore[arg-type]  # numbers
    return span <= 1.1 * len(filled)


def is_language(column: pl.Series) -> bool:
    """Whether cells are mostly two words or more, and not the same few again and again.

    >>> is_language(pl.Series(["good old times", "oh no not you"])), is_language(pl.Series(["S"]))
    (True, False)
    """
    cells = _filled(column)
    if not cells:
        return False
    words = [len(_WORD.findall(cell)) + len(_UNSPACED.findall(cell)) // 2 for cell in cells]
    worded = sum(count >= 2 for count in words)
    return (
        worded >= 0.5 * len(cells)
        and sum(words) >= 2 * len(cells)
        and len(set(cells)) >= 0.3 * len(cells)
    )


def _filled(column: pl.Series) -> list[str]:
    """Filled cells from all over the column, at most `LOOKED_AT`."""
    filled = column.filter(column.is_not_null() & (column != ""))
    step = max(len(filled) // LOOKED_AT, 1)
    return filled.gather_every(step).head(LOOKED_AT).to_list()
