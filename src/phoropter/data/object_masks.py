"""What the masks of objects say: their size in pixels and the box around them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from phoropter.core.records import Dataset
from phoropter.data import rle
from phoropter.data.annotated import extent
from phoropter.data.decode import UnreadableImageError, decode_values
from phoropter.data.parallel import ordered

Box = tuple[float, float, float, float]

_MEASURED: dict[str, type[pl.DataType]] = {
    "mask_x1": pl.Float64,
    "mask_y1": pl.Float64,
    "mask_x2": pl.Float64,
    "mask_y2": pl.Float64,
    "mask_height": pl.Int64,
    "mask_width": pl.Int64,
    "mask_fault": pl.String,
}


@dataclass(frozen=True, slots=True)
class MeasuredMask:
    """A mask's size and the box around what it shows.

    Args:
        box: x1, y1, x2, y2 in pixels, or None where it shows nothing.
        height: Of the mask; None for polygons, which have no size of their own.
        width: Likewise.
        fault: Why it cannot be read, "" if it can.
    """

    box: Box | None = None
    height: int | None = None
    width: int | None = None
    fault: str = ""


def with_measured_masks(dataset: Dataset) -> pl.DataFrame:
    """The objects with what their masks say; a box that was null is the one around the mask.

    Adds `mask_x1`, `mask_y1`, `mask_x2`, `mask_y2` (the box around the mask, null where there is
    none), `mask_height`, `mask_width` (null for polygons) and `mask_fault` (null for none). Mask
    pictures are opened, in threads; polygons and run lengths are in memory already.
    """
    objects = dataset.objects
    if objects is None:
        message = "the data set has no objects"
        raise ValueError(message)
    pictures = objects["mask_path"].null_count() < objects.height
    walk = ordered if pictures else map
    masks = list(walk(lambda row: _measured(dataset.root, row), _rows(objects)))
    columns: dict[str, list[object]] = {
        name: [mask.box[place] if mask.box else None for mask in masks]
        for place, name in enumerate(list(_MEASURED)[:4])
    }
    columns["mask_height"] = [mask.height for mask in masks]
    columns["mask_width"] = [mask.width for mask in masks]
    columns["mask_fault"] = [mask.fault or None for mask in masks]
    places = objects.select(_HAS_MASK).to_series().arg_true().cast(pl.Int64)
    measured = pl.DataFrame({"place": places}).hstack(pl.DataFrame(columns, schema=_MEASURED))
    rows = pl.DataFrame({"place": pl.int_range(objects.height, eager=True)})
    measured = rows.join(measured, on="place", how="left", maintain_order="left").drop("place")
    full = pl.concat([objects, measured], how="horizontal")
    corners = ("x1", "y1", "x2", "y2")
    return full.with_columns(pl.coalesce(pl.col(name), pl.col(f"mask_{name}")) for name in corners)


_HAS_MASK = (
    pl.col("polygons").is_not_null()
    | pl.col("rle").is_not_null()
    | pl.col("mask_path").is_not_null()
)


def _rows(objects: pl.DataFrame) -> Iterator[tuple[object, ...]]:
    kept = objects.filter(_HAS_MASK).select("polygons", "rle", "mask_path", "extra")
    return kept.iter_rows()


def _measured(root: Path, row: tuple[object, ...]) -> MeasuredMask:
    polygons, runs, mask_path, extra = row
    if isinstance(polygons, list):
        return MeasuredMask(extent(polygons))
    if isinstance(runs, str):
        return _of_runs(runs, str(extra))
    return _of_picture(root / str(mask_path))


def _of_runs(runs: str, extra: str) -> MeasuredMask:
    height, width = json.loads(extra)["rle_size"]
    return MeasuredMask(rle.extent_of(rle.unpacked(runs), height), height, width)


def _of_picture(file: Path) -> MeasuredMask:
    try:
        _, values = decode_values(file)
    except UnreadableImageError as error:
        return MeasuredMask(fault=error.reason)
    height, width = values.shape
    return MeasuredMask(extent_of_mask(values != 0), height, width)


def extent_of_mask(mask: NDArray[np.bool_]) -> Box | None:
    """The box around the true pixels of a mask (h, w), or None where there are none.

    >>> extent_of_mask(np.eye(3, 4, 1, dtype=bool))
    (1.0, 0.0, 4.0, 3.0)
    """
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return None
    return float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)
