"""Numbers, rows and lines as text; what every answer is written with."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from phoropter.core.records import Metric


def metric(value: Metric) -> str:
    """A metric with its 95 % interval and the samples it rests on."""
    interval = f"[{number(value.low)}, {number(value.high)}]"
    return f"{value.name} {number(value.value)} {interval} on {value.n} samples"


def number(value: float) -> str:
    """Four significant digits.

    >>> number(0.95432), number(12345.6)
    ('0.9543', '12346')
    """
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def signed(value: float) -> str:
    """The number with its sign.

    >>> signed(0.01234)
    '+0.01234'
    """
    return f"+{number(value)}" if value >= 0 else number(value)


def table(rows: Iterable[Sequence[str]]) -> list[str]:
    """Rows as lines of aligned columns.

    >>> table([("cat", "3"), ("giraffe", "12")])
    ['cat      3', 'giraffe  12']
    """
    kept = [tuple(row) for row in rows]
    widths = [max(map(len, column)) for column in zip(*kept, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in kept
    ]


def cells(item: Metric) -> tuple[str, str, str]:
    """A metric as cells of a table: value, interval and samples."""
    return number(item.value), f"[{number(item.low)}, {number(item.high)}]", f"n {item.n}"


def joined(*parts: str | Iterable[str]) -> str:
    """Lines, and lists of them, as one text."""
    lines: list[str] = []
    for part in parts:
        lines += [part] if isinstance(part, str) else part
    return "\n".join(lines)
