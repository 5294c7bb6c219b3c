"""How many objects there are, of which sizes and shapes, and which classes meet."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from phoropter.core.records import Finding
from phoropter.core.seed import derive, generator
from phoropter.look.box_faults import sound
from phoropter.look.evidence import LookEvidence
from phoropter.look.listing import counted, listed
from phoropter.look.objects import INPUT_PX, MEDIUM_AREA_PX, SMALL_AREA_PX

ANCHORS = 9
"""Anchor boxes of usual detectors: three shapes at three scales."""

_SAMPLED = 20_000
_QUANTILES = (0.0, 0.05, 0.5, 0.95, 1.0)


def check(evidence: LookEvidence) -> Iterable[Finding]:
    """A remark with the numbers; nothing is wrong with them."""
    if evidence.objects is None or not len(evidence.dataset):
        return
    objects = sound(evidence.objects)
    if not objects.height:
        return
    per_image = _per_image(evidence.dataset.table, objects)
    empty = per_image.filter(pl.col("objects") == 0)["id"]
    counts = per_image["objects"].to_numpy()
    yield Finding(
        code="object-statistics",
        severity="info",
        confidence=1.0,
        message=(
            f"{objects.height:,} objects: {np.median(counts):.0f} in an image (median), "
            f"at most {counts.max()}; {counted(len(empty), 'image')} without any."
        ),
        evidence={
            "objects": objects.height,
            "crowds": int(evidence.objects["crowd"].sum()),
            "per_image": _quantiles(counts.astype(np.float64)),
            "images_without_objects": len(empty),
            "without_objects": listed(empty.to_list()),
            "without_annotation_file": _without_file(evidence.dataset.table),
            **_shapes(objects, seed=evidence.seed),
            "together": listed(_together(objects)),
        },
    )


def _per_image(table: pl.DataFrame, objects: pl.DataFrame) -> pl.DataFrame:
    counts = objects.group_by("id").agg(pl.len().alias("objects"))
    return table.select("id").join(counts, on="id", how="left").fill_null(0)


def _without_file(table: pl.DataFrame) -> list[str]:
    if "annotation" not in table.columns:
        return []
    return listed(table.filter(pl.col("annotation").is_null())["id"].to_list())


def _quantiles(values: NDArray[np.float64]) -> list[float]:
    """Least, 5 %, median, 95 % and largest."""
    return [float(value) for value in np.quantile(values, _QUANTILES)]


def _shapes(objects: pl.DataFrame, *, seed: int) -> Mapping[str, Any]:
    """Sizes and shapes of boxes with the image's longer side at the input size, and anchors."""
    scale = INPUT_PX / pl.max_horizontal("image_width", "image_height")
    sides = objects.select(pl.col("width") * scale, pl.col("height") * scale).to_numpy()
    areas = sides.prod(axis=1)
    anchors, fit = anchors_of(sides, seed=seed)
    return {
        "input_px": INPUT_PX,
        "small": float((areas < SMALL_AREA_PX).mean()),
        "medium": float(((areas >= SMALL_AREA_PX) & (areas < MEDIUM_AREA_PX)).mean()),
        "large": float((areas >= MEDIUM_AREA_PX).mean()),
        "side_px": _quantiles(np.sqrt(areas)),
        "aspect_ratio": _quantiles(sides[:, 0] / sides[:, 1]),
        "anchors": [[round(float(w), 1), round(float(h), 1)] for w, h in anchors],
        "anchor_iou": fit,
    }


def anchors_of(sides: NDArray[np.float64], *, seed: int) -> tuple[NDArray[np.float64], float]:
    """Typical boxes (k, 2), smallest first, and the mean of each box's best overlap with one.

    k-means on the logarithms of width and height, so that a factor counts alike at every size.
    Compare Redmon and Farhadi, "YOLO9000", 2017.

    Args:
        sides: Width and height of boxes, (n, 2), positive.
        seed: Decides the starting points, and which boxes are used where there are many.
    """
    from sklearn.cluster import KMeans

    draw = generator(seed, "anchors")
    if len(sides) > _SAMPLED:
        sides = sides[draw.permutation(len(sides))[:_SAMPLED]]
    distinct = len(np.unique(sides, axis=0))
    means = KMeans(min(ANCHORS, distinct), n_init=1, random_state=derive(seed, "anchors") % 2**32)
    anchors = np.exp(means.fit(np.log(sides)).cluster_centers_)
    anchors = anchors[np.argsort(anchors.prod(axis=1))]
    inner = np.minimum(sides[:, None], anchors[None]).prod(axis=2)
    union = sides.prod(axis=1)[:, None] + anchors.prod(axis=1)[None] - inner
    return anchors, float((inner / union).max(axis=1).mean())


def _together(objects: pl.DataFrame) -> list[dict[str, object]]:
    """Pairs of classes by the number of images that hold both, most first."""
    present = objects.select("id", "label").unique(maintain_order=True)
    pairs = (
        present.join(present, on="id", suffix="_other")
        .filter(pl.col("label") < pl.col("label_other"))
        .group_by("label", "label_other")
        .agg(pl.len().alias("images"))
        .sort("images", "label", "label_other", descending=[True, False, False])
    )
    return [
        {"classes": [first, second], "images": images}
        for first, second, images in pairs.head(20).iter_rows()
    ]
