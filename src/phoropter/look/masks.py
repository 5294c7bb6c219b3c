"""Masks of whole images, opened once: their values, their kind, and how clean their edges are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from phoropter.core.records import Dataset
from phoropter.data.decode import UnreadableImageError, decode_values
from phoropter.data.parallel import ordered

_GREYS = 1 << 16
_LISTED_VALUES = 4096


@dataclass(frozen=True, slots=True)
class MeasuredMask:
    """One mask.

    Args:
        path: Of the mask, relative to the root.
        fault: Why it cannot be read, "" if it can.
        format: "PNG", "JPEG", ...
        height: Pixels.
        width: Pixels.
        colour: Whether its values are colours.
        values: Its different values, sorted.
        counts: Pixels of each.
        smear: Share of its edges where a pixel lies between two others and has a value between
            theirs, as blending neighbours makes; 0 without edges.
    """

    path: str
    fault: str = ""
    format: str = ""
    height: int = 0
    width: int = 0
    colour: bool = False
    values: tuple[int, ...] = ()
    counts: tuple[int, ...] = ()
    smear: float = 0.0


def measured_masks(dataset: Dataset) -> tuple[MeasuredMask, ...]:
    """The mask of each row, in the order of the table; nothing where the data have none."""
    if "mask_path" not in dataset.table.columns:
        return ()
    paths = dataset.table["mask_path"].to_list()
    return tuple(ordered(lambda path: _measured(dataset.root, path), paths))


def _measured(root: Path, path: str) -> MeasuredMask:
    try:
        head, pixels = decode_values(root / path)
    except UnreadableImageError as error:
        return MeasuredMask(path, fault=error.reason)
    values, counts = np.unique(pixels, return_counts=True)
    return MeasuredMask(
        path=path,
        format=head.format,
        height=pixels.shape[0],
        width=pixels.shape[1],
        colour=bool(values[-1] >= _GREYS),
        values=tuple(values[:_LISTED_VALUES].tolist()),
        counts=tuple(counts[:_LISTED_VALUES].tolist()),
        smear=smear(pixels),
    )


def smear(pixels: NDArray[np.int32]) -> float:
    """Share of the edges of a mask (h, w) that go through a value in between, in one pixel.

    >>> smear(np.array([[0, 0, 4, 4, 4]])), smear(np.array([[0, 0, 2, 4, 4]]))
    (0.0, 0.5)
    """
    between = edges = 0
    for lines in (pixels, pixels.T):
        steps = np.sign(np.diff(lines, axis=1))
        edges += int(np.count_nonzero(steps))
        between += int(np.count_nonzero((steps[:, 1:] == steps[:, :-1]) & (steps[:, 1:] != 0)))
    return between / edges if edges else 0.0
