"""COCO's run lengths: masks as the lengths of runs of 0 and 1, column by column, packed as text.

The format is the one of COCO's mask API: every length but the first three is written as the
difference to the length two before, five bits a character from the lowest, the sixth bit saying
that more follow, shifted by 48 into printable ASCII.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

MAX_PIXELS = 178_956_970
"""Larger masks are refused before they are unpacked, as larger images are."""


class RunLengthError(ValueError):
    """Run lengths that do not describe a mask of the stated size."""


def packed(counts: Sequence[int]) -> str:
    """Run lengths as COCO's text.

    >>> packed([6, 1, 40, 4, 5, 4, 5, 4, 21])
    '61X13mN000`0'
    """
    text = bytearray()
    for place, count in enumerate(counts):
        value = int(count) - (int(counts[place - 2]) if place > 2 else 0)
        more = True
        while more:
            low = value & 0x1F
            value >>= 5
            more = value != -1 if low & 0x10 else value != 0
            text.append((low | 0x20 if more else low) + 48)
    return text.decode("ascii")


def unpacked(text: str) -> list[int]:
    """The run lengths in COCO's text.

    Raises:
        RunLengthError: If the text is cut short, holds other characters or a negative length.

    >>> unpacked("61X13mN000`0")
    [6, 1, 40, 4, 5, 4, 5, 4, 21]
    """
    counts: list[int] = []
    value = shift = 0
    for character in text.encode("utf-8"):
        code = character - 48
        if not 0 <= code < 64 or shift > 60:
            message = f"{chr(character)!r} is no part of run lengths"
            raise RunLengthError(message)
        value |= (code & 0x1F) << shift
        shift += 5
        if code & 0x20:
            continue
        if code & 0x10:
            value |= -1 << shift
        if len(counts) > 2:
            value += counts[-2]
        if value < 0:
            message = "a run of negative length"
            raise RunLengthError(message)
        counts.append(value)
        value = shift = 0
    if shift:
        message = "the run lengths are cut short"
        raise RunLengthError(message)
    return counts


def checked(counts: Sequence[int], height: int, width: int) -> Sequence[int]:
    """The same run lengths, if they fill a mask of this size.

    Raises:
        RunLengthError: If they do not, or the mask is too large.
    """
    if height < 0 or width < 0 or height * width > MAX_PIXELS:
        message = f"a mask of {height} x {width} pixels"
        raise RunLengthError(message)
    if min(counts, default=0) < 0 or sum(counts) != height * width:
        message = f"the runs make {sum(counts)} pixels, not {height} x {width}"
        raise RunLengthError(message)
    return counts


def mask_of(counts: Sequence[int], height: int, width: int) -> NDArray[np.bool_]:
    """The mask, (height, width) bool.

    Raises:
        RunLengthError: If the run lengths do not fill it.
    """
    runs = np.asarray(checked(counts, height, width), dtype=np.int64)
    values = np.arange(len(runs)) % 2 == 1
    return np.repeat(values, runs).reshape(width, height).T


def counts_of(mask: NDArray[np.bool_]) -> list[int]:
    """The run lengths of a mask (height, width), the first one of zeros."""
    flat = np.ascontiguousarray(mask.T).reshape(-1).astype(np.int8)
    if not flat.size:
        return []
    edges = np.flatnonzero(np.diff(flat)) + 1
    runs = np.diff(np.concatenate([[0], edges, [flat.size]]))
    return [int(run) for run in (runs if not flat[0] else [0, *runs])]


def extent_of(counts: Sequence[int], height: int) -> tuple[float, float, float, float] | None:
    """The box x1, y1, x2, y2 around the ones, or None where there are none.

    >>> extent_of([6, 1, 40, 4, 5, 4, 5, 4, 21], 9)
    (0.0, 2.0, 8.0, 7.0)
    """
    ends = np.cumsum(np.asarray(counts, dtype=np.int64))
    starts, stops = ends[0::2][: len(ends) // 2], ends[1::2]
    kept = stops > starts
    starts, stops = starts[kept], stops[kept] - 1
    if not len(starts) or height < 1:
        return None
    left, right = starts // height, stops // height
    crosses = (left != right).any()  # a run over a column's end touches the top and the bottom
    top = 0 if crosses else int((starts % height).min())
    bottom = height - 1 if crosses else int((stops % height).max())
    return float(left.min()), float(top), float(right.max() + 1), float(bottom + 1)


def area_of(counts: Sequence[int]) -> int:
    """How many pixels are ones."""
    return int(sum(counts[1::2]))
