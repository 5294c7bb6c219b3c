"""A figure: the drawing, and the numbers behind it as a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of text under a header; the first cell of a row names it."""

    header: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True)
class Figure:
    """A chart for the page.

    Args:
        title: What it shows, in a few words.
        drawing: Inline SVG.
        numbers: What was drawn.
        note: What to look for, one sentence, or "".
        legend: Pairs (CSS class of a series, its name).
    """

    title: str
    drawing: Markup
    numbers: Table
    note: str = ""
    legend: Sequence[tuple[str, str]] = ()
