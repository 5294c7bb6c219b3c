"""Annotated objects: one table for boxes, polygons and masks, whatever format they came from."""

from __future__ import annotations

import polars as pl

_COLUMNS: dict[str, pl.DataType | type[pl.DataType]] = {
    "id": pl.String,  # of the sample, as in the data set's table
    "label": pl.String,  # null where the source's word or number for it is unknown
    "x1": pl.Float64,  # pixels of the image as shown; x1, y1 inclusive, x2, y2 exclusive
    "y1": pl.Float64,
    "x2": pl.Float64,
    "y2": pl.Float64,
    "crowd": pl.Boolean,  # one region around many objects (COCO)
    "polygons": pl.List(pl.List(pl.Float64)),  # x, y, x, y, ...; null where there are none
    "rle": pl.String,  # COCO's compressed run lengths, column by column; null likewise
    "mask_path": pl.String,  # a picture of this object alone; null likewise
    "extra": pl.String,  # JSON of what else the source says (pose, difficult, its id, ...)
}
OBJECTS_SCHEMA = pl.Schema(_COLUMNS)
"""Columns of `Dataset.objects`. A box is null where only a mask is given. Rows keep the order of
their source. Defective boxes stay in it, so that a check can report them: outside of the image, of
no area, with exchanged corners. An `id` that is not in the data set's table is of an image that is
not there or cannot be read."""


def no_objects() -> pl.DataFrame:
    """An empty table of objects."""
    return pl.DataFrame(schema=OBJECTS_SCHEMA)
