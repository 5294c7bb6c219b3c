"""Squares under names: which class is taken for which, which columns vary together."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from phoropter.report.lettering import PX, fitted, text_width
from phoropter.report.svg import drawing, element, join, titled

LABEL = 110.0
_SIDE = 440.0
_LEGIBLE = 16.0
_TURN = 50
_LEAN = math.cos(math.radians(_TURN))
"""How far to the right a turned name reaches, for its length."""


@dataclass(frozen=True, slots=True)
class Square:
    """One square.

    Args:
        shade: How dark it is, in [0, 1].
        css: "hit" or "miss": which of two colours.
        text: What stands in it where there is room.
        said: What it says under the pointer.
    """

    shade: float
    css: str
    text: str
    said: str


def heat_map(
    names: Sequence[str],
    squares: Sequence[Sequence[Square]],
    *,
    label: str,
    corner: tuple[str, str] = ("", ""),
) -> Markup:
    """A square for each pair of names.

    Args:
        names: Of rows and columns.
        squares: Row by row.
        label: What a screen reader says in its place.
        corner: What rows are, and what columns are.
    """
    side = min(56.0, (_SIDE - LABEL - 10) / len(names))
    grid = side * len(names)
    content = join([_squares(squares, side), _names(names, side, corner)])
    # The names of the columns lean over the right edge of the squares.
    ends = (at + _LEAN * text_width(_short(name)) + PX for name, at in _places(names, side))
    width = max(LABEL + grid + 10, *ends)
    return drawing(content, width=width, height=LABEL + grid, label=label)


def _squares(squares: Sequence[Sequence[Square]], side: float) -> Markup:
    parts = []
    for i, row in enumerate(squares):
        for j, one in enumerate(row):
            x, y = LABEL + j * side, LABEL + i * side
            box = {"x": x, "y": y, "width": side - 1, "height": side - 1}
            css = f"cell {one.css}"
            parts.append(
                titled("rect", one.said, **box, class_=css, fill_opacity=round(one.shade, 3))
            )
            if one.text and side >= _LEGIBLE and text_width(one.text) <= side + 4:
                parts.append(
                    element(
                        "text",
                        one.text,
                        x=x + side / 2,
                        y=y + side / 2 + 4,
                        text_anchor="middle",
                        class_="on" if one.shade > 0.53 else None,
                    )
                )
    return join(parts)


def _names(names: Sequence[str], side: float, corner: tuple[str, str]) -> Markup:
    parts = [
        element("text", corner[0], x=0, y=LABEL - 8, class_="name"),
        element("text", corner[1], x=0, y=12, class_="name"),
    ]
    for name, at in _places(names, side):
        short = _short(name)
        turn = f"rotate(-{_TURN} {at:.1f} {LABEL - 8:.1f})"
        parts += [
            element("text", short, x=LABEL - 8, y=at + 4, text_anchor="end"),
            element("text", short, x=at, y=LABEL - 8, transform=turn),
        ]
    return join(parts)


def _places(names: Sequence[str], side: float) -> list[tuple[str, float]]:
    """The names, each with the middle of its row and column."""
    return [(name, LABEL + (index + 0.5) * side) for index, name in enumerate(names)]


def _short(name: str) -> str:
    return fitted(name, LABEL - 8)
