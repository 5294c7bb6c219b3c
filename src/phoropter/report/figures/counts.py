"""How the target is distributed, part by part."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from phoropter.core.records import PARTS
from phoropter.report.figure import Figure, Table
from phoropter.report.lettering import fitted, text_width
from phoropter.report.numbers import number
from phoropter.report.sentences import Sentences
from phoropter.report.svg import drawing, element, frame, join, span, titled

_ROW = 24.0
_WIDTH = 440.0
_LABEL = 110.0
_MOST = 40
_BINS = 20
_ROOM = 0.5
"""Beyond the middle 98 % of the values, as a share of their range, that a histogram shows."""


def class_counts(counts: Mapping[str, Mapping[str, int]], *, say: Sentences, title: str) -> Figure:
    """Samples a class as bars stacked by part, largest class first.

    Args:
        counts: By class name, then by part.
        say: The page's language.
        title: What is counted.
    """
    ordered = sorted(counts, key=lambda name: -sum(counts[name].values()))
    shown = ordered[:_MOST]
    most = max((sum(counts[name].values()) for name in shown), default=1)
    room = _WIDTH - _LABEL - text_width(number(most)) - 8
    parts = []
    for row, name in enumerate(shown):
        y, left = _ROW * row + 4, _LABEL
        edge = _LABEL - 8
        parts.append(element("text", fitted(name, edge), x=edge, y=y + 13, text_anchor="end"))
        for part in PARTS:
            count = counts[name].get(part, 0)
            width = count / max(most, 1) * room
            said = f"{name}, {say(part)}: {number(count)}"
            box = {"x": left, "y": y, "width": width, "height": _ROW - 7}
            parts.append(titled("rect", said, **box, class_=f"fill {part}"))
            left += width
        parts.append(element("text", number(sum(counts[name].values())), x=left + 6, y=y + 13))
    height = _ROW * max(len(shown), 1) + 6
    rows = [[name, *(number(counts[name].get(part, 0)) for part in PARTS)] for name in ordered]
    hidden = len(ordered) - len(shown)
    return Figure(
        title=title,
        drawing=drawing(join(parts), width=_WIDTH, height=height, label=title),
        numbers=Table([say("class"), *map(say, PARTS)], rows),
        note=say("more-classes", count=hidden) if hidden else "",
        legend=[(part, say(part)) for part in PARTS],
    )


def value_histogram(
    name: str, values: Mapping[str, NDArray[np.float64]], *, say: Sentences
) -> Figure:
    """Share of samples by value, one stepped line a part.

    Args:
        name: Of the target.
        values: By part.
        say: The page's language.
    """
    given = {part: values[part][np.isfinite(values[part])] for part in PARTS if part in values}
    given = {part: numbers for part, numbers in given.items() if len(numbers)}
    everything = np.concatenate(list(given.values())) if given else np.zeros(1)
    edges = _edges(everything)
    shares = {
        part: np.histogram(numbers, edges)[0] / len(numbers) for part, numbers in given.items()
    }
    top = max((float(share.max()) for share in shares.values()), default=1.0)
    area = frame(span(edges.tolist(), margin=0.0), (0.0, top * 1.05))
    lines = [area.line(_steps(edges, share), class_=part) for part, share in shares.items()]
    title = say("samples-by-value", name=name)
    rows = [
        [_range(float(edges[i]), float(edges[i + 1]))]
        + [number(float(share[i])) for share in shares.values()]
        for i in range(len(edges) - 1)
    ]
    content = join([area.axes(name, say("share")), *lines])
    return Figure(
        title=title,
        drawing=drawing(content, width=area.width, height=area.height, label=title),
        numbers=Table([name, *map(say, shares)], rows),
        legend=[(part, f"{say(part)} (n = {number(len(given[part]))})") for part in shares],
    )


def _range(low: float, high: float) -> str:
    if high - low == 1 and low % 1 == 0.5:
        return number(int(low + 0.5))
    return f"{number(low)} … {number(high)}"


def _edges(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Edges of the bars; few whole numbers get one bar each."""
    low, high = float(values.min()), float(values.max())
    if 0 < high - low < _MOST and (values == np.rint(values)).all():
        return np.arange(low - 0.5, high + 1)
    return np.histogram_bin_edges(values, bins=_BINS)


def distribution(name: str, values: Mapping[str, NDArray[np.float64]], *, say: Sentences) -> Figure:
    """A histogram in which single values far out do not squeeze all others into one bar.

    Args:
        name: What is distributed; the title.
        values: By part; what is not finite is left out.
        say: The page's language.
    """
    values = {part: numbers[np.isfinite(numbers)] for part, numbers in values.items()}
    everything = np.concatenate(list(values.values()))
    low, high = np.quantile(everything, [0.01, 0.99])
    room = _ROOM * (high - low)
    inside = {part: np.clip(numbers, low - room, high + room) for part, numbers in values.items()}
    beyond = int(((everything < low - room) | (everything > high + room)).sum())
    if low == high:
        inside, beyond = dict(values), 0
    return replace(
        value_histogram(name, inside, say=say),
        title=name,
        note=say("values-beyond", count=number(beyond)) if beyond else "",
    )


def _steps(edges: NDArray[np.float64], shares: NDArray[np.float64]) -> list[tuple[float, float]]:
    corners = [
        (float(edge), float(share))
        for index, share in enumerate(shares)
        for edge in (edges[index], edges[index + 1])
    ]
    return [(float(edges[0]), 0.0), *corners, (float(edges[-1]), 0.0)]
