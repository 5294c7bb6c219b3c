"""Tables in Parquet files that carry a checksum of their content, which Parquet itself lacks."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import polars as pl

from phoropter.core.files import whole_file

_SUM = "checksum"


def write_table(path: Path, table: pl.DataFrame, about: Mapping[str, str] | None = None) -> None:
    """Writes a table and what is to be said about it, whole or not at all."""
    metadata = {**(about or {}), _SUM: content_sum(table)}
    with whole_file(path) as partial:
        table.write_parquet(partial, metadata=metadata)


def read_table(path: Path) -> tuple[pl.DataFrame, dict[str, str]]:
    """What `write_table` wrote; a file without a checksum (of an older version) is believed.

    Raises:
        ValueError: If the file is no table, or not the one that was written.
        OSError: If it cannot be opened.
    """
    try:
        about = pl.read_parquet_metadata(path)
        table = pl.read_parquet(path)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        message = " ".join(str(error).split())
        raise ValueError(message) from error
    if about.get(_SUM, "") not in {"", content_sum(table)}:
        message = "its content has changed since it was written"
        raise ValueError(message)
    return table, about


def content_sum(table: pl.DataFrame) -> str:
    """BLAKE2b-128 of names, types and values, the same for every version of the file format.

    >>> content_sum(pl.DataFrame({"a": [1, 2]})) == content_sum(pl.DataFrame({"a": [1, 3]}))
    False
    """
    sums = hashlib.blake2b(digest_size=16)
    for column in table:
        sums.update(f"{column.name}/{column.dtype}/{len(column)}/".encode())
        sums.update(column.is_null().to_numpy().tobytes())
        if column.dtype.is_numeric() or column.dtype == pl.Boolean:
            sums.update(column.fill_null(strategy="zero").to_numpy().tobytes())
        else:
            _add_values(sums, column)
    return sums.hexdigest()


def _add_values(sums: hashlib.blake2b, column: pl.Series) -> None:
    text = column if column.dtype == pl.Binary else column.cast(pl.String).cast(pl.Binary)
    values = text.fill_null(b"").to_list()
    sums.update(",".join(str(len(value)) for value in values).encode())
    sums.update(b"".join(values))
