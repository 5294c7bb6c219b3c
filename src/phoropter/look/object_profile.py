"""Annotated objects and masks as a page shows them: sizes, shapes, and which classes meet."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from phoropter.core.records import Dataset
from phoropter.look.box_faults import sound
from phoropter.look.evidence import LookEvidence
from phoropter.look.masks import MeasuredMask

MOST_CLASSES = 24
"""Classes of the matrix, the most frequent ones."""


@dataclass(frozen=True, slots=True, eq=False)
class ObjectProfile:
    """What the objects, or the regions of masks, look like as a whole.

    Args:
        objects: A row for each sound object: id, label, `side` (square root of its share of the
            image's area) and `aspect` (width / height); empty where there are only masks.
        per_image: Columns id and count: objects of each image; of masks, classes.
        pixels: Columns id, label and pixels: how much of each mask a class covers; empty where
            there are none.
        classes: Of the matrix, most frequent first.
        together: Images that hold both classes, shape (k, k); on the diagonal those that hold one.
    """

    objects: pl.DataFrame
    per_image: pl.DataFrame
    pixels: pl.DataFrame
    classes: tuple[str, ...]
    together: NDArray[np.int64]


def object_profile(evidence: LookEvidence) -> ObjectProfile | None:
    """The profile, or None where neither objects nor masks are annotated."""
    if evidence.objects is None and not evidence.masks:
        return None
    pixels = _pixels(evidence.dataset, evidence.masks)
    objects = pl.DataFrame(schema={"id": pl.String, "label": pl.String})
    if evidence.objects is not None:
        area = pl.col("width") * pl.col("height")
        whole = pl.col("image_width") * pl.col("image_height")
        objects = sound(evidence.objects).select(
            "id", "label", side=(area / whole).sqrt(), aspect=pl.col("width") / pl.col("height")
        )
    present = (pixels if evidence.objects is None else objects).select("id", "label")
    counted = present.group_by("id").agg(pl.len().alias("count"))
    classes, together = _together(present.unique(maintain_order=True))
    return ObjectProfile(
        objects=objects,
        per_image=evidence.dataset.table.select("id")
        .join(counted, on="id", how="left", maintain_order="left")
        .with_columns(pl.col("count").fill_null(0)),
        pixels=pixels,
        classes=classes,
        together=together,
    )


def class_of_value(dataset: Dataset) -> dict[int, str]:
    """The class that each value of a mask's pixels means; of ignored values none."""
    values = dataset.class_ids or range(len(dataset.classes))
    return dict(zip(values, dataset.classes, strict=True))


def _pixels(dataset: Dataset, masks: tuple[MeasuredMask, ...]) -> pl.DataFrame:
    names = class_of_value(dataset)
    ids = dataset.table["id"].to_list() if masks else []
    rows = [
        (identifier, names[value], count)
        for identifier, mask in zip(ids, masks, strict=True)
        for value, count in zip(mask.values, mask.counts, strict=True)
        if value in names
    ]
    schema = {"id": pl.String, "label": pl.String, "pixels": pl.Int64}
    return pl.DataFrame(rows, schema=schema, orient="row")


def _together(present: pl.DataFrame) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """Images in which both of two classes occur, of the most frequent classes."""
    counts = present.group_by("label").len().sort(["len", "label"], descending=[True, False])
    names = counts["label"].to_list()[:MOST_CLASSES]
    place = {name: column for column, name in enumerate(names)}
    kept = present.filter(pl.col("label").is_in(names))
    images = kept["id"].rank("dense").cast(pl.Int64).to_numpy() - 1
    shows = np.zeros((int(images.max(initial=-1)) + 1, len(names)), dtype=np.int64)
    shows[images, [place[name] for name in kept["label"].to_list()]] = 1
    return tuple(names), shows.T @ shows
