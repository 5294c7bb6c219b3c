"""What the validation samples are like, so that results can be sliced by it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from phoropter.core.errors import UsageError, nearest
from phoropter.core.predictions import ClassPredictions, Predictions
from phoropter.core.records import Dataset
from phoropter.core.run_records import SliceScore
from phoropter.data.source_columns import column_names, source_column
from phoropter.metrics.weakness import CLASS, slice_scores

ALL = "all"
_PIXELS = ("brightness", "contrast", "sharpness")
_FILE = ("format", "mode")
_HIDDEN = {"thumbnail", "frames", "stated_height", "stated_width", "source_id", "mask_path"}
"""Columns that are no property of a sample, or say the same as another one."""


def slices_of(
    predictions: Predictions, dataset: Dataset, *, by: Sequence[str], primary: str
) -> tuple[SliceScore, ...]:
    """The results by the named properties, or by all there are.

    Args:
        predictions: On samples of the data set.
        dataset: Indexed.
        by: Names that `properties` gives, or "all".
        primary: Name of the primary metric.

    Raises:
        UsageError: If there is no such property.
        InputError: If the table behind the data is gone.
    """
    known = properties(dataset)
    for name in by:
        if name not in known and name != ALL:
            raise UsageError(
                f"The data have no property {name!r} to slice by.",
                hint=nearest(name, [*known, ALL]),
            )
    wanted = known if ALL in by else tuple(dict.fromkeys(by))
    rows = _rows(predictions, dataset)
    there = np.flatnonzero(rows >= 0)  # corrections may have taken samples out since
    predictions, rows = predictions.take(there), rows[there]
    columns = {name: _values(dataset, name, predictions, rows) for name in wanted}
    return slice_scores(predictions, columns, primary=primary)


def properties(dataset: Dataset) -> tuple[str, ...]:
    """What results can be sliced by: the class, how an image looks, columns of the table."""
    measured = dataset.table.columns
    own = [CLASS] if dataset.task == "classification" else []
    if {"height", "width"} <= set(measured):
        own.append("size")
    own += [name for name in (*_PIXELS, *_FILE) if name in measured]
    given = (name for name in column_names(dataset) if name not in _HIDDEN)
    return tuple(dict.fromkeys([*own, *(name for name in given if name not in dataset.targets)]))


def _rows(predictions: Predictions, dataset: Dataset) -> NDArray[np.int64]:
    """Where in the table each sample stands, shape (n,); -1 where it is gone."""
    wanted = pl.DataFrame({"id": predictions.ids})
    place = dataset.table.select("id").with_row_index("row")
    joined = wanted.join(place, on="id", how="left", maintain_order="left")
    return joined["row"].cast(pl.Int64).fill_null(-1).to_numpy()


def _values(
    dataset: Dataset, name: str, predictions: Predictions, rows: NDArray[np.int64]
) -> NDArray[Any]:
    if name == CLASS and isinstance(predictions, ClassPredictions):
        names = np.array([*predictions.classes, None], dtype=object)
        return np.asarray(names[predictions.truth])
    if name == "size":
        sides = dataset.table.select((pl.col("height") * pl.col("width")).sqrt())
        return sides.to_series().gather(rows).to_numpy()
    kept = name in dataset.table.columns
    column = dataset.table[name] if kept else source_column(dataset, name)
    return _plain(column.gather(rows))


def _plain(column: pl.Series) -> NDArray[Any]:
    """Numbers as numbers, also where a table holds them as text; all else as text or None."""
    if column.dtype == pl.String:
        numbers = column.cast(pl.Float64, strict=False)
        if numbers.null_count() > column.null_count():
            return np.array(column.to_list(), dtype=object)
        column = numbers
    if column.dtype.is_numeric():
        return column.cast(pl.Float64).fill_null(np.nan).to_numpy()
    return np.array(column.cast(pl.String, strict=False).to_list(), dtype=object)
