"""Columns of the file behind a data set that its reader did not keep, read when asked for."""

from __future__ import annotations

import polars as pl

from phoropter.core.errors import UsageError, nearest
from phoropter.core.records import Dataset
from phoropter.data.index import MEASURED
from phoropter.data.table_file import read_table

_PLACES = frozenset({"id", "path", "part", "part_name", "digest", "annotation", "table_row"})
_OURS = _PLACES | {"size_bytes", "mtime_ns", *MEASURED}
"""Columns of a data set's table that say where a file is or how it measures, not what is in it."""

_ROW = r"^(?P<file>.*)#line(?P<line>\d+)$"


def source_column(dataset: Dataset, name: str) -> pl.Series:
    """One column of the data, as it stands in their file, for each row of the table; blank is null.

    Data that were read from a table have all of its columns, whatever the reader has kept; of
    others the columns of `dataset.table` can be named. The file is read again for it, so that
    columns which nobody asks for need no memory.

    Raises:
        UsageError: If there is no such column.
        InputError: If the file is gone.
    """
    kept = [column for column in dataset.table.columns if column not in _OURS]
    known = dict.fromkeys(kept)
    found = []
    places = _places(dataset)
    for file in places["file"].unique(maintain_order=True).drop_nulls():
        # The reader of images beside a table takes its first row for names in any case.
        table = read_table(dataset.root / file, header=dataset.modality == "image" or None)
        known |= dict.fromkeys(table.cells.columns)
        if name in table.cells.columns:
            found.append(_placed(file, table.lines, table.cells[name].replace("", None)))
    if found:
        keys = ["file", "line"]
        joined = places.join(pl.concat(found), on=keys, how="left", maintain_order="left")
        return joined["value"].alias(name)
    if name in kept:
        return dataset.table[name]
    raise UsageError(
        f"The data have no column {name!r} to go by.",
        hint=nearest(name, known) if known else "They have no columns to choose from.",
    )


def column_names(dataset: Dataset) -> tuple[str, ...]:
    """What `source_column` knows: the table's own columns and what the reader kept, in order.

    Raises:
        InputError: If the file is gone.
    """
    names = dict.fromkeys(column for column in dataset.table.columns if column not in _OURS)
    for file in _places(dataset)["file"].unique(maintain_order=True).drop_nulls():
        table = read_table(dataset.root / file, header=dataset.modality == "image" or None)
        names |= dict.fromkeys(table.cells.columns)
    return tuple(names)


def _places(dataset: Dataset) -> pl.DataFrame:
    """Columns `file` (relative to the root) and `line` of each sample, null without a table."""
    table = dataset.table
    row = pl.lit(None, dtype=pl.String)
    if "table_row" in table.columns:
        row = pl.col("table_row")
    elif dataset.modality != "image":
        row = pl.col("id")
    parts = row.str.extract_groups(_ROW)
    return table.select(parts.alias("row")).unnest("row").cast({"line": pl.Int64})


def _placed(file: str, lines: tuple[int, ...], values: pl.Series) -> pl.DataFrame:
    columns = {"file": [file] * len(values), "line": lines, "value": values}
    return pl.DataFrame(columns, schema={"file": pl.String, "line": pl.Int64, "value": pl.String})
