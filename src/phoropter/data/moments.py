"""When samples came about: by a column, the camera's clock, time stamps in file names, or order."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import PurePosixPath

import numpy as np
import polars as pl
from numpy.typing import NDArray

from phoropter.core.errors import UsageError
from phoropter.core.records import Dataset
from phoropter.data.exif import shots
from phoropter.data.source_columns import source_column

FOUND = "found"
ORDER = "order"

_NUMBER = re.compile(r"(\d+)")
_STAMP = re.compile(
    r"(?<!\d)(?P<date>(?:19|20)\d\d([-_.]?)(?:0[1-9]|1[0-2])\2(?:0[1-9]|[12]\d|3[01]))"
    r"(?:[-_. T]*(?P<time>(?:[01]\d|2[0-3])([-_.:]?)[0-5]\d\4[0-5]\d)(?:[-_.]?(?P<part>\d{1,6}))?)?"
    r"(?!\d)"
)
_FORMATS = (
    "%Y:%m:%d %H:%M:%S", "%Y/%m/%d", "%Y/%m/%d %H:%M", "%Y/%m/%d %H:%M:%S", "%d.%m.%Y",
    "%d.%m.%Y %H:%M", "%d.%m.%Y %H:%M:%S",
)  # fmt: skip
"""Dates beside those of ISO 8601; where day and month could be exchanged, none is tried."""


def with_moments(dataset: Dataset, source: str) -> tuple[Dataset, str]:
    """The data with a column `moment`, whole numbers that grow with time, and what they rest on.

    Args:
        dataset: The samples.
        source: A column of the data with numbers or dates; "order" for the order of files or
            rows; or "found": the camera's clock (EXIF) or else time stamps in file names, where
            every file has one, and else the order.

    Raises:
        UsageError: If there is no such column, or it does not tell the time of every sample.
    """
    if source == ORDER:
        ranks, why = _by_order(dataset)
    elif source == FOUND:
        ranks, why = _found(dataset)
    else:
        ranks = _ranks(_times(source_column(dataset, source), source))
        why = f"The time is told by the column {source!r}."
    table = dataset.table.with_columns(pl.Series("moment", ranks, dtype=pl.Int64))
    return replace(dataset, table=table), why


def natural_order(paths: Sequence[str]) -> NDArray[np.int64]:
    """The positions of paths by file name, numbers in names by value; folders decide last.

    >>> natural_order(["b/img10.png", "a/img9.png", "a/img10.png"]).tolist()
    [1, 2, 0]
    """
    return np.array(sorted(range(len(paths)), key=lambda row: _natural(paths[row])), dtype=np.int64)


def stamp_of(path: str) -> datetime | None:
    """The time that a file name states, or None.

    >>> stamp_of("a/center_2018_07_16_17_11_43_382.jpg")
    datetime.datetime(2018, 7, 16, 17, 11, 43, 382000)
    >>> stamp_of("IMG_20240501.jpg"), stamp_of("photo_12345678.jpg")
    (datetime.datetime(2024, 5, 1, 0, 0), None)
    """
    found = _STAMP.search(PurePosixPath(path).stem)
    if found is None:
        return None
    digits = re.sub(r"\D", "", found["date"] + (found["time"] or "000000"))
    try:
        whole = datetime.strptime(digits, "%Y%m%d%H%M%S")
    except ValueError:  # the 31st of February is a number like others
        return None
    return whole.replace(microsecond=int((found["part"] or "0").ljust(6, "0")))


def _found(dataset: Dataset) -> tuple[NDArray[np.int64], str]:
    if dataset.modality == "image":
        paths = dataset.table["path"].to_list()
        taken = [_seconds(time) for one in shots(dataset.root, paths) if (time := one.taken)]
        if len(taken) == len(paths):
            return _ranks(taken), "The time is what the cameras' clocks said (EXIF)."
        stamps = [_seconds(time) for path in paths if (time := stamp_of(path))]
        if len(stamps) == len(paths):
            return _ranks(stamps), "The time is stated in the files' names."
    return _by_order(dataset)


def _by_order(dataset: Dataset) -> tuple[NDArray[np.int64], str]:
    if dataset.modality == "image":
        order = natural_order(dataset.table["path"].to_list())
        why = "The order of the files' names is taken for that of time."
    else:
        lines = dataset.table.select(
            pl.col("path"), pl.col("id").str.extract(r"#line(\d+)$").cast(pl.Int64).alias("line")
        )
        order = lines.with_row_index("row").sort("path", "line")["row"].to_numpy()
        why = "The order of the rows is taken for that of time."
    ranks = np.empty(len(order), dtype=np.int64)
    ranks[order] = np.arange(len(order))
    return ranks, why


def _ranks(times: Sequence[float]) -> NDArray[np.int64]:
    """Whole numbers in the order of times; equal times have equal ones."""
    return np.unique(np.array(times), return_inverse=True)[1].astype(np.int64)


def _times(column: pl.Series, name: str) -> list[float]:
    """The numbers in a column, or the seconds of its dates; all cells are of one kind.

    Raises:
        UsageError: If a cell is blank or neither.
    """
    if column.dtype.is_temporal() or column.dtype.is_numeric():
        column = column.cast(pl.String)
    blank = column.null_count()
    if blank:
        raise UsageError(
            f"{blank} of {len(column)} samples have no time: {name!r} is blank there.",
            hint="Fill the column in, or name another one.",
        )
    cells = column.cast(pl.String).to_list()
    numbers = pl.Series(cells, dtype=pl.String).cast(pl.Float64, strict=False)
    if numbers.null_count() == 0 and numbers.is_finite().all():
        return numbers.to_list()
    for form in ("", *_FORMATS):
        times = [_date(cell, form) for cell in cells]
        if all(times) and len({time.tzinfo is None for time in times if time}) == 1:
            return [_seconds(time) for time in times if time]
    dates = ("", *_FORMATS)
    odd = next((cell for cell in cells if not any(_date(cell, form) for form in dates)), cells[0])
    raise UsageError(
        f"The column {name!r} does not tell the time of every sample, for example {odd!r}.",
        hint="Write numbers, or dates all in one way, as 2024-05-31 or 2024-05-31 09:30:00.",
    )


def _date(cell: str, form: str) -> datetime | None:
    """What a cell says in one of `_FORMATS`, or "" for ISO 8601."""
    try:
        return datetime.strptime(cell, form) if form else datetime.fromisoformat(cell)
    except ValueError:
        return None


def _seconds(time: datetime) -> float:
    """Since 1970; a clock that does not say its zone is taken for one of UTC."""
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()


def _natural(path: str) -> tuple[object, ...]:
    name = PurePosixPath(path).name.casefold()
    pieces = _NUMBER.split(name)
    # Text and digits alternate, so that text meets text and numbers meet numbers.
    return tuple(int(piece) if odd % 2 else piece for odd, piece in enumerate(pieces)), path
