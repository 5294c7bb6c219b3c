"""The columns of a table as an array of numbers."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from phoropter.core.errors import UsageError
from phoropter.core.records import Dataset

_MOST_NAMED = 5


def number_columns(dataset: Dataset) -> NDArray[np.float64]:
    """The inputs of every row, float64 (n, columns).

    Raises:
        UsageError: If a column is not of numbers or has gaps.
    """
    table = dataset.table.select(dataset.inputs)
    _refuse(
        [
            name
            for name, kind in table.schema.items()
            if not (kind.is_numeric() or kind == pl.Boolean)
        ],
        "hold words",
    )
    values = table.with_columns(pl.all().cast(pl.Float64)).to_numpy()
    finite = np.isfinite(values).all(axis=0)
    _refuse(
        [name for name, full in zip(table.columns, finite, strict=True) if not full], "have gaps"
    )
    return np.ascontiguousarray(values)


def _refuse(columns: list[str], why: str) -> None:
    if columns:
        named = ", ".join(map(repr, columns[:_MOST_NAMED]))
        more = f" and {len(columns) - _MOST_NAMED} more" if len(columns) > _MOST_NAMED else ""
        raise UsageError(
            f"phoropter trains on tables of numbers, but these columns {why}: {named}{more}.",
            hint="Write them as numbers, fill the gaps, or leave the columns out.",
        )
