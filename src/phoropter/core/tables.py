"""Tables in Parquet files that carry a checksum, which Parquet itself lacks.

It stands before the footer, behind everything that the footer points to, so that other programs
read the file as any other. It is looked at before the file is parsed: a damaged one can end the
process of a parser, or give other numbers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path

import polars as pl

from phoropter.core.files import whole_file

_TAG = b"phoropter-sum:"
_SUM_BYTES = 16
_END_BYTES = 8  # the footer's length and the magic number


def write_table(path: Path, table: pl.DataFrame, about: Mapping[str, str] | None = None) -> None:
    """Writes a table and what is to be said about it, whole or not at all."""
    buffer = BytesIO()
    table.write_parquet(buffer, metadata=dict(about or {}))
    content = buffer.getvalue()
    footer = int.from_bytes(content[-_END_BYTES : -_END_BYTES + 4], "little")
    place = len(content) - _END_BYTES - footer
    with whole_file(path) as partial, partial.open("wb") as file:
        file.write(content[:place])
        file.write(_TAG + _sum(content))
        file.write(content[place:])


def read_table(path: Path) -> tuple[pl.DataFrame, dict[str, str]]:
    """What `write_table` wrote; a file without a checksum (of an older version) is believed.

    Raises:
        ValueError: If the file is no table, or not the one that was written.
        OSError: If it cannot be opened.
    """
    content = path.read_bytes()
    before, tag, after = content.rpartition(_TAG)
    if tag and after[:_SUM_BYTES] != _sum(before + after[_SUM_BYTES:]):
        message = "it has changed since it was written"
        raise ValueError(message)
    try:
        return pl.read_parquet(content), pl.read_parquet_metadata(BytesIO(content))
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        message = " ".join(str(error).split())
        raise ValueError(message) from error


def _sum(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=_SUM_BYTES).digest()
