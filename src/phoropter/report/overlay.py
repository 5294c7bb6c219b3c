"""Annotated objects drawn over their picture, so that a wrong box can be seen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import polars as pl
from markupsafe import Markup

from phoropter.report.svg import element, join, titled

COLOURS = 10
_MOST_SHAPES = 60
_MOST_CORNERS = 80


def overlay(
    objects: pl.DataFrame,
    size: tuple[int, int],
    colours: Mapping[str, int],
    *,
    marked: Sequence[float] | None = None,
) -> Markup:
    """The objects of one picture as an SVG that lies on it, with the same proportions.

    Args:
        objects: Rows of `placed_objects`, those of the picture.
        size: Height and width of the picture, pixels.
        colours: Number of each class's colour.
        marked: Box that is drawn over the others, x1, y1, x2, y2 in any order, or None.
    """
    shapes = []
    for row in objects.head(_MOST_SHAPES).iter_rows(named=True):
        name = str(row["label"])
        css = f"k{colours.get(name, 0) % COLOURS}"
        outlines = row["polygons"] or ()
        shapes += [_outline(corners, name, css) for corners in outlines if len(corners) >= 6]
        if not outlines and row["x1"] is not None:
            shapes.append(_box((row["x1"], row["y1"], row["x2"], row["y2"]), name, css))
    if marked is not None and len(marked) == 4 and None not in marked:
        shapes.append(_box(marked, "", "marked"))
    counts = Counter(str(label) for label in objects["label"])
    said = ", ".join(f"{count} × {name}" for name, count in counts.most_common())
    height, width = size
    view = {"viewBox": f"0 0 {width} {height}", "role": "img", "aria_label": said or "–"}
    return element("svg", join(shapes), **view, class_="overlay")


def _box(corners: Sequence[float], name: str, css: str) -> Markup:
    x1, x2 = sorted((float(corners[0]), float(corners[2])))
    y1, y2 = sorted((float(corners[1]), float(corners[3])))
    place = {"x": round(x1), "y": round(y1), "width": round(x2 - x1), "height": round(y2 - y1)}
    return titled("rect", name, **place, class_=css)


def _outline(corners: Sequence[float], name: str, css: str) -> Markup:
    pairs = list(zip(corners[::2], corners[1::2], strict=False))
    step = -(-len(pairs) // _MOST_CORNERS)
    points = " ".join(f"{x:.0f},{y:.0f}" for x, y in pairs[::step])
    return titled("polygon", name, points=points, class_=css)


def class_colours(classes: Sequence[str]) -> dict[str, int]:
    """The number of each class's colour; after `COLOURS` they repeat."""
    return {name: place % COLOURS for place, name in enumerate(classes)}
