"""Whether the probabilities can be taken at their word."""

from __future__ import annotations

import math

from phoropter.core.predictions import ClassPredictions
from phoropter.metrics.calibration import reliability
from phoropter.report.figure import Figure, Table
from phoropter.report.lettering import text_width
from phoropter.report.numbers import fraction, number
from phoropter.report.sentences import Sentences
from phoropter.report.svg import drawing, element, frame, join, titled

_BINS = 10


def reliability_diagram(predictions: ClassPredictions, *, say: Sentences) -> Figure:
    """Share of right answers by stated probability; the dots' areas follow the counts."""
    table = reliability(predictions, bins=_BINS)
    area = frame((0.0, 1.0), (0.0, 1.0))
    most = max(int(table.counts.max()), 1)
    ideal = area.line([(0.0, 0.0), (1.0, 1.0)], class_="ideal")
    parts = [area.axes(say("probability"), say("share-right")), ideal]
    rows = []
    labelled = -math.inf
    for index, count in enumerate(table.counts.tolist()):
        low, high = float(table.edges[index]), float(table.edges[index + 1])
        confidence, accuracy = float(table.confidence[index]), float(table.accuracy[index])
        rows.append(
            [f"{low:.1f} … {high:.1f}", number(count), fraction(confidence), fraction(accuracy)]
        )
        if not count:
            continue
        x, y = area.x(confidence), area.y(accuracy)
        said = f"{fraction(confidence)} → {fraction(accuracy)} (n = {number(count)})"
        radius = 3 + 10 * (count / most) ** 0.5
        parts += [
            element("line", x1=x, x2=x, y1=y, y2=area.y(confidence), class_="gap"),
            titled("circle", said, cx=x, cy=y, r=radius, class_="dot soft val"),
        ]
        half = text_width(label := f"n={number(count)}") / 2
        middle = min(x, area.width - half)
        if middle - half > labelled:  # the table has the counts of all
            up = y - radius - 3
            place = up if up > area.y.end else y + radius + 13
            parts.append(element("text", label, x=middle, y=place, text_anchor="middle"))
            labelled = middle + half
    title = say("reliability")
    header = [say("probability"), say("samples"), say("mean-probability"), say("share-right")]
    return Figure(
        title=title,
        drawing=drawing(join(parts), width=area.width, height=area.height, label=title),
        numbers=Table(header, rows),
        note=say("reliability-note"),
    )
