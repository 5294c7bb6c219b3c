"""Numbers that describe a picture without saying what it shows."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl
from numpy.typing import NDArray

from phoropter.look.detail import blocks
from phoropter.look.evidence import LookEvidence

Column = NDArray[np.float64]


def dimensions(table: pl.DataFrame) -> Mapping[str, Column]:
    """Height, width (pixels) and width / height of each file, shape (n,)."""
    height = table["height"].cast(pl.Float64).to_numpy()
    width = table["width"].cast(pl.Float64).to_numpy()
    return {"height": height, "width": width, "aspect ratio": width / np.maximum(height, 1.0)}


def light(thumbnails: NDArray[np.uint8]) -> Mapping[str, Column]:
    """Mean, spread and mean step between neighbouring pixels of thumbnails (n, h, w), of 255."""
    found = {name: np.empty(len(thumbnails)) for name in ("brightness", "contrast", "detail")}
    for part in blocks(len(thumbnails)):
        grey = thumbnails[part].astype(np.float64)
        steps = np.abs(np.diff(grey, axis=1)).mean(axis=(1, 2))
        steps += np.abs(np.diff(grey, axis=2)).mean(axis=(1, 2))
        found["brightness"][part] = grey.mean(axis=(1, 2))
        found["contrast"][part] = grey.std(axis=(1, 2))
        found["detail"][part] = steps / 2
    return found


def measured(evidence: LookEvidence) -> Mapping[str, Column]:
    """Every property of every row: light, texture, dimensions and file size (bytes).

    Texture is there where the index has measured it.
    """
    table = evidence.dataset.table
    texture = {name: table[name] for name in ("sharpness", "entropy") if name in table.columns}
    return {
        **light(evidence.thumbnails),
        **{name: column.cast(pl.Float64).to_numpy() for name, column in texture.items()},
        **dimensions(table),
        "file size": table["size_bytes"].cast(pl.Float64).to_numpy(),
    }
