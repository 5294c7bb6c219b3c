"""What can be wrong with annotated boxes, each fault as an expression over placed objects."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping

import polars as pl

TOLERANCE_PX = 1.0
"""A box may stick out by this much: tools count pixels from 0 or from 1, and round."""

SMALL_PX = 2.0
"""A box below this in width or height holds nothing that can be recognised."""

ODD_RATIO = 40.0
"""Longer to shorter side. Poles, snakes and lines of text reach 20."""

OFF_MASK_IOU = 0.5
OFF_MASK_PX = 10.0
"""Overlap of a box with the box around its own mask below which they are of different things, as
long as a corner is off by so many pixels: masks of tiny objects are drawn coarsely."""

SAME_PX = 0.5
"""Boxes whose corners agree to this are the same box."""

RARE = 3
"""A class of so few objects whose name is nearly that of a larger one may be a slip of the pen."""

_COMMON_RATIO = 5
_ALIKE = 0.8
_SHORTEST = 4
_DIGITS = re.compile(r"\d+")

_W, _H = pl.col("image_width"), pl.col("image_height")
_THERE = _W.is_not_null()
_NEGATIVE = (pl.col("width") < 0) | (pl.col("height") < 0)
_FLAT = ((pl.col("width") == 0) | (pl.col("height") == 0)) & ~_NEGATIVE
_PLAIN = _THERE & ~_NEGATIVE & ~_FLAT
_OUTSIDE = (pl.col("x1") >= _W) | (pl.col("y1") >= _H) | (pl.col("x2") <= 0) | (pl.col("y2") <= 0)
_OVER = pl.max_horizontal(-pl.col("x1"), -pl.col("y1"), pl.col("x2") - _W, pl.col("y2") - _H)
_LONG = pl.max_horizontal("width", "height")
_SHORT = pl.min_horizontal("width", "height")
# Width and height that are themselves corners: 'xyxy' written where 'xywh' is read.
_AS_CORNERS = (
    (pl.col("width") > pl.col("x1"))
    & (pl.col("height") > pl.col("y1"))
    & (pl.col("width") <= _W + TOLERANCE_PX)
    & (pl.col("height") <= _H + TOLERANCE_PX)
    & (pl.col("x1") >= 0)
    & (pl.col("y1") >= 0)
)
_CORNERS = ("x1", "y1", "x2", "y2")
_KEY = [(pl.col(name) / SAME_PX).round().alias(f"same_{name}") for name in _CORNERS]

GEOMETRY: Mapping[str, pl.Expr] = {
    "corners exchanged": _NEGATIVE,
    "no area": _FLAT,
    "corners given as width and height": _PLAIN & ~_OUTSIDE & (_OVER > TOLERANCE_PX) & _AS_CORNERS,
    "outside of the image": _PLAIN & _OUTSIDE,
    "over the edge of the image": _PLAIN & ~_OUTSIDE & (_OVER > TOLERANCE_PX) & ~_AS_CORNERS,
    "under 2 pixels": _PLAIN & ~_OUTSIDE & (_SHORT < SMALL_PX),
    "a line, not a box": _PLAIN & (_LONG > ODD_RATIO * _SHORT),
}
"""A box has the first of these that holds."""

ODD = frozenset({"under 2 pixels", "a line, not a box"})
"""Faults of these that careful annotations have too."""


def sound(objects: pl.DataFrame) -> pl.DataFrame:
    """The placed objects without crowds that have a class and a box that can be learnt from."""
    kept = objects.with_columns(fault=geometric_faults(objects)).filter(
        pl.col("image_width").is_not_null()
        & pl.col("label").is_not_null()
        & pl.col("x1").is_not_null()
        & ~pl.col("crowd")
        & (pl.col("fault").is_null() | pl.col("fault").is_in(list(ODD)))
    )
    return kept.drop("fault")


def geometric_faults(objects: pl.DataFrame) -> pl.Series:
    """The name of each box's fault, null for none."""
    kinds = pl.lit(None, dtype=pl.String)
    for kind, condition in reversed(list(GEOMETRY.items())):
        kinds = pl.when(condition).then(pl.lit(kind)).otherwise(kinds)
    return objects.select(kinds.alias("fault")).to_series()


def off_mask(objects: pl.DataFrame) -> pl.Series:
    """Whether a box and the box around its mask hardly overlap, shape (n,)."""
    sides = []
    for low, high in (("x1", "x2"), ("y1", "y2")):
        inner = pl.min_horizontal(high, f"mask_{high}") - pl.max_horizontal(low, f"mask_{low}")
        sides.append(inner.clip(0))
    inner_area = sides[0] * sides[1]
    own = pl.col("width") * pl.col("height")
    of_mask = (pl.col("mask_x2") - pl.col("mask_x1")) * (pl.col("mask_y2") - pl.col("mask_y1"))
    iou = inner_area / (own + of_mask - inner_area)
    off = pl.max_horizontal((pl.col(n) - pl.col(f"mask_{n}")).abs() for n in _CORNERS)
    apart = (iou < OFF_MASK_IOU) & (off > OFF_MASK_PX) & _PLAIN
    return objects.select(apart.fill_null(value=False)).to_series()


def repeated(objects: pl.DataFrame, *, same_class: bool) -> pl.Series:
    """Whether an earlier object of the image has the same box, and the same class or another one.

    Crowds do not count, and neither do boxes without area.
    """
    keys = ["id", *(f"same_{name}" for name in _CORNERS)]
    one = ~pl.col("crowd") & pl.col("label").is_not_null() & _PLAIN.fill_null(value=False)
    boxes = objects.with_columns(_KEY).with_row_index("row").filter(one)
    place = pl.int_range(pl.len())
    later = boxes.select(
        "row", anywhere=place.over(keys) > 0, in_class=place.over([*keys, "label"]) > 0
    ).filter(pl.col("anywhere") & (pl.col("in_class") == same_class))
    return pl.int_range(objects.height, eager=True).is_in(later["row"].to_list())


def misspelt(counts: Mapping[str, int]) -> dict[str, str]:
    """Class names that are probably meant as another one, by the name they resemble.

    Names that differ from a larger class only in case or blanks, and rare ones that are nearly
    the name of a much larger class.

    >>> misspelt({"raccoon": 20, "raccono": 1, "RACCOON": 1, "fox": 1})
    {'RACCOON': 'raccoon', 'raccono': 'raccoon'}
    """
    largest: dict[str, str] = {}
    for name in sorted(counts, key=lambda name: counts[name]):
        largest[_plain(name)] = name
    found: dict[str, str] = {}
    for name in sorted(counts):
        same = largest[_plain(name)]
        if _plain(name) and counts[same] > counts[name]:
            found[name] = same
        elif counts[name] <= RARE and len(name) >= _SHORTEST:
            common = [other for other in counts if counts[other] >= _COMMON_RATIO * counts[name]]
            close = difflib.get_close_matches(name, common, n=1, cutoff=_ALIKE)
            if close and _one_slip(name.casefold(), close[0].casefold()):
                found[name] = close[0]
    return found


def _plain(name: str) -> str:
    return "".join(letter for letter in name.casefold() if letter.isalnum())


def _one_slip(name: str, other: str) -> bool:
    """Whether letters are exchanged, or one is missing or too many, other than a plural's s.

    Names with other digits are other names ("class 1", "class 11").
    """
    if _DIGITS.findall(name) != _DIGITS.findall(other):
        return False
    if sorted(name) == sorted(other):
        return True
    short, long = sorted((name, other), key=len)
    if long == f"{short}s":
        return False
    return any(long[:place] + long[place + 1 :] == short for place in range(len(long)))
