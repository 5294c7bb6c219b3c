"""Annotated objects beside the images they are in, as the checks look at them."""

from __future__ import annotations

import polars as pl

from phoropter.core.records import Dataset
from phoropter.data.object_masks import with_measured_masks

INPUT_PX = 640
"""Longer side of the image as detectors usually get it."""

SMALL_AREA_PX = 32**2
MEDIUM_AREA_PX = 96**2
"""COCO's limits of small and medium objects (Lin et al., "Microsoft COCO", 2014)."""


def placed_objects(dataset: Dataset) -> pl.DataFrame:
    """The objects of an indexed data set with what is around them.

    Adds `image_height` and `image_width` (pixels, null where the image is not in the data set),
    `width` and `height` of the box (negative where corners are exchanged), and the columns of
    `with_measured_masks`.
    """
    images = dataset.table.select("id", image_height="height", image_width="width")
    return (
        with_measured_masks(dataset)
        .join(images, on="id", how="left", maintain_order="left")
        .with_columns(
            width=pl.col("x2") - pl.col("x1"),
            height=pl.col("y2") - pl.col("y1"),
        )
    )
