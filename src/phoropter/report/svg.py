"""Drawing charts as inline SVG: a few elements, a linear or logarithmic scale, two axes.

Colours are names of CSS variables, so that a chart follows the page into dark mode and onto paper.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from markupsafe import Markup, escape

from phoropter.report.lettering import fitted, text_width
from phoropter.report.numbers import number

Point = tuple[float, float]

_LEAST_LEFT = 46.0
_BETWEEN = 6.0
"""Drawing units between two labels of an axis."""


def element(tag: str, content: str = "", /, **attributes: object) -> Markup:
    """One SVG element; underscores in attribute names become hyphens, `class_` is class.

    >>> element("text", "a < b", x=1, text_anchor="end")
    Markup('<text x="1" text-anchor="end">a &lt; b</text>')
    """
    words = [
        f'{name.rstrip("_").replace("_", "-")}="{escape(_short(value))}"'
        for name, value in attributes.items()
        if value is not None
    ]
    opening = " ".join([tag, *words])
    inner = escape(content)
    return Markup(f"<{opening}>{inner}</{tag}>" if inner else f"<{opening}/>")  # noqa: S704 - every part is escaped above


def join(parts: Iterable[Markup]) -> Markup:
    """Elements one after another."""
    return Markup("").join(parts)


def titled(tag: str, title: str, /, **attributes: object) -> Markup:
    """An element that shows `title` under the pointer and reads it to a screen reader."""
    return element(tag, element("title", title), **attributes)


@dataclass(frozen=True, slots=True)
class Scale:
    """Maps a range of data onto a range of drawing units.

    Args:
        low: Least value shown.
        high: Greatest value shown; above `low`.
        start: Where `low` is drawn.
        end: Where `high` is drawn.
        log: Whether equal steps are equal factors.
    """

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        """The position of a value, kept inside the drawing."""
        low, high, here = self.low, self.high, min(max(value, self.low), self.high)
        if self.log:
            low, high, here = math.log(low), math.log(high), math.log(here)
        return self.start + (here - low) / (high - low) * (self.end - self.start)

    def ticks(self, count: int = 5) -> list[float]:
        """Round values inside the range, about `count` of them.

        >>> Scale(0, 1, 0, 100).ticks()
        [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
        """
        if self.log:
            return self._decades()
        step = _round_step((self.high - self.low) / max(count, 1))
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [round(index * step, 12) for index in range(first, last + 1)]

    def _decades(self) -> list[float]:
        first, last = math.floor(math.log10(self.low)), math.ceil(math.log10(self.high))
        factors = (1,) if last - first > 2 else (1, 2, 5)
        values = [f * 10.0**power for power in range(first, last + 1) for f in factors]
        return [value for value in values if self.low <= value <= self.high]


def span(values: Iterable[float], *, margin: float = 0.05) -> tuple[float, float]:
    """A range that holds every finite value with some room, never empty.

    >>> span([1.0, 3.0, float("nan")], margin=0.0)
    (1.0, 3.0)
    """
    finite = [value for value in values if math.isfinite(value)]
    if not finite:
        return 0.0, 1.0
    low, high = min(finite), max(finite)
    room = (high - low) * margin or abs(high) * 0.1 or 1.0
    return (low - room, high + room) if low == high or margin else (low, high)


@dataclass(frozen=True, slots=True)
class Frame:
    """A chart's plotting area with its two scales.

    Args:
        width: Of the whole chart, drawing units.
        height: Likewise.
        x: Horizontal scale.
        y: Vertical scale (its start is the bottom).
    """

    width: float
    height: float
    x: Scale
    y: Scale

    def axes(
        self, x_label: str, y_label: str, *, x_count: int = 6, whole_x: bool = False
    ) -> Markup:
        """Grid, tick labels and axis titles."""
        parts = []
        bottom, left = self.y.start, self.x.start
        for value in self.y.ticks():
            at = self.y(value)
            parts += [
                element("line", x1=left, x2=self.x.end, y1=at, y2=at, class_="grid"),
                element("text", number(value), x=left - 6, y=at + 4, text_anchor="end"),
            ]
        for value in spaced(self.x, self.width, count=x_count, whole=whole_x):
            at = self.x(value)
            parts += [
                element("line", x1=at, x2=at, y1=bottom, y2=bottom + 4, class_="axis"),
                tick_label(self.x, value, y=bottom + 17, width=self.width),
            ]
        name, right = fitted(x_label, self.x.end), {"x": self.x.end, "text_anchor": "end"}
        parts += [
            element("line", x1=left, x2=self.x.end, y1=bottom, y2=bottom, class_="axis"),
            element("text", name, y=self.height - 4, **right, class_="name"),
            element("text", fitted(y_label, self.width), x=0, y=12, class_="name"),
        ]
        return join(parts)

    def place(self, points: Sequence[Point]) -> list[Point]:
        """Data points in drawing units."""
        return [(self.x(a), self.y(b)) for a, b in points]

    def line(self, points: Sequence[Point], *, class_: str) -> Markup:
        """A line through the points; points that are not finite break it."""
        pieces: list[list[Point]] = [[]]
        for a, b in points:
            if math.isfinite(a) and math.isfinite(b):
                pieces[-1].append((self.x(a), self.y(b)))
            elif pieces[-1]:
                pieces.append([])
        paths = ("M" + "L".join(f"{a:.1f} {b:.1f}" for a, b in piece) for piece in pieces if piece)
        return element("path", d="".join(paths), class_=f"line {class_}")


def frame(
    x: tuple[float, float],
    y: tuple[float, float],
    *,
    size: tuple[float, float] = (440, 270),
    log_x: bool = False,
    log_y: bool = False,
) -> Frame:
    """A frame with room for axes around ranges of data `x` and `y`."""
    width, height = size
    upright = Scale(*y, height - 40, 24, log=log_y)
    widest = max((text_width(number(value)) for value in upright.ticks()), default=0.0)
    return Frame(
        width,
        height,
        Scale(*x, max(_LEAST_LEFT, widest + 8), width - 12, log=log_x),
        upright,
    )


def spaced(scale: Scale, width: float, *, count: int = 5, whole: bool = False) -> list[float]:
    """Round values of a horizontal scale whose labels do not touch each other.

    Args:
        scale: From left to right.
        width: Of the drawing, in which the labels stay.
        count: About how many are wanted.
        whole: Whether only whole numbers mean something.
    """
    ticks = [value for value in scale.ticks(count) if not whole or value == int(value)]
    thinned = (ticks[::step] for step in range(1, len(ticks) + 1))
    return next((kept for kept in thinned if _apart(scale, kept, width)), [])


def _apart(scale: Scale, ticks: Sequence[float], width: float) -> bool:
    halves = [text_width(number(value)) / 2 for value in ticks]
    places = [_inside(scale, value, width) for value in ticks]
    return all(
        there - here >= a + b + _BETWEEN
        for (here, there), (a, b) in zip(pairwise(places), pairwise(halves), strict=True)
    )


def _inside(scale: Scale, value: float, width: float) -> float:
    """Where the middle of a tick's label is, so that the label does not leave the drawing."""
    half = text_width(number(value)) / 2
    return min(max(scale(value), half), width - half)


def tick_label(scale: Scale, value: float, *, y: float, width: float) -> Markup:
    """The number under a tick of a horizontal scale; at the ends it is moved to stay inside."""
    at = _inside(scale, value, width)
    return element("text", number(value), x=at, y=y, text_anchor="middle")


def drawing(content: Markup, *, width: float, height: float, label: str) -> Markup:
    """The whole SVG; `label` is what a screen reader says in its place."""
    return element(
        "svg",
        content,
        viewBox=f"0 0 {width:g} {height:g}",
        role="img",
        aria_label=label,
        class_="chart",
    )


def _round_step(raw: float) -> float:
    power = 10.0 ** math.floor(math.log10(raw))
    return next(
        factor * power for factor in (1, 2, 2.5, 5, 10) if raw <= factor * power * (1 + 1e-9)
    )


def _short(value: object) -> object:
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else value
