"""Numbers with their intervals on one axis: the ladder of models, the ledger of steps."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from markupsafe import Markup

from phoropter.report.figure import Figure, Table
from phoropter.report.lettering import BOLD, fitted, text_width
from phoropter.report.numbers import number
from phoropter.report.sentences import Sentences
from phoropter.report.svg import Scale, drawing, element, join, spaced, span, tick_label, titled

_ROW = 26.0
_WIDTH = 440.0
_MOST_LABEL = 0.5
"""Of the width, for the names."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One row: a name, a value, its interval, and the CSS class it is drawn in."""

    name: str
    value: float
    low: float
    high: float
    css: str = "plain"


def interval_chart(
    bars: Sequence[Bar],
    *,
    title: str,
    axis: str,
    say: Sentences,
    zero: bool = False,
    note: str = "",
) -> Figure:
    """A dot and a whisker for each bar, from top to bottom.

    Args:
        bars: The rows.
        title: Of the figure.
        axis: What is measured.
        say: The page's language.
        zero: Whether zero is part of the axis and drawn as a line (for differences).
        note: What to look for.
    """
    shown = [_finite(bar) for bar in bars if math.isfinite(bar.value)]
    values = [v for bar in shown for v in (bar.low, bar.value, bar.high)] + ([0.0] if zero else [])
    widest = max((text_width(bar.name) * _weight(bar) for bar in shown), default=0.0)
    scale = Scale(*span(values), min(widest + 16, _MOST_LABEL * _WIDTH), _WIDTH - 14)
    height = _ROW * len(shown) + 46
    bottom = height - 38
    parts = [_axis(scale, bottom, height, axis)]
    if zero:
        at = scale(0.0)
        parts.append(element("line", x1=at, x2=at, y1=6, y2=bottom, class_="axis"))
    parts += [_bar(bar, scale, _ROW * (row + 0.5) + 4) for row, bar in enumerate(shown)]
    rows = [[bar.name, *map(number, (bar.value, bar.low, bar.high))] for bar in bars]
    return Figure(
        title=title,
        drawing=drawing(join(parts), width=_WIDTH, height=height, label=title),
        numbers=Table([say("name"), axis, say("low"), say("high")], rows),
        note=note,
    )


def _finite(bar: Bar) -> Bar:
    """The bar with its value in place of ends that are not defined."""
    low = bar.low if math.isfinite(bar.low) else bar.value
    return replace(bar, low=low, high=bar.high if math.isfinite(bar.high) else bar.value)


def _axis(scale: Scale, bottom: float, height: float, axis: str) -> Markup:
    parts = []
    for value in spaced(scale, _WIDTH):
        at = scale(value)
        parts += [
            element("line", x1=at, x2=at, y1=6, y2=bottom, class_="grid"),
            tick_label(scale, value, y=bottom + 16, width=_WIDTH),
        ]
    axis = fitted(axis, scale.end)
    parts.append(element("text", axis, x=scale.end, y=height - 4, text_anchor="end", class_="name"))
    return join(parts)


def _bar(bar: Bar, scale: Scale, y: float) -> Markup:
    said = f"{bar.name}: {number(bar.value)} [{number(bar.low)}, {number(bar.high)}]"
    edge = scale.start - 12
    name = fitted(bar.name, edge / _weight(bar))
    whisker = {"y1": y, "y2": y, "class_": f"whisker {bar.css}"}
    return join(
        (
            element("text", name, x=edge, y=y + 4, text_anchor="end", class_=bar.css),
            titled("line", said, x1=scale(bar.low), x2=scale(bar.high), **whisker),
            titled("circle", said, cx=scale(bar.value), cy=y, r=4.5, class_=f"dot {bar.css}"),
        )
    )


def _weight(bar: Bar) -> float:
    """How much wider its name is for being bold."""
    return BOLD if bar.css == "val" else 1.0
