"""The range test as a chart: the loss over a rate that rises."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from phoropter.core.run_records import RangePoint
from phoropter.report.figure import Figure, Table
from phoropter.report.numbers import number
from phoropter.report.sentences import Sentences
from phoropter.report.svg import Frame, Scale, drawing, element, join, span

_SIZE = (440, 270)
_MOST_ROWS = 200


def range_figure(
    points: Sequence[RangePoint], suggestion: float | None, *, say: Sentences
) -> Figure:
    """The chart of a range test.

    Args:
        points: Rates rising.
        suggestion: The rate to mark, or None.
        say: Sentences.
    """
    width, height = _SIZE
    smoothed = [(point.lr, point.smoothed) for point in points]
    low, high = span([mean for _, mean in smoothed])
    area = Frame(
        width,
        height,
        Scale(points[0].lr, points[-1].lr, 46, width - 12, log=True),
        Scale(max(low, 0.0), high, height - 40, 24),
    )
    content = join(
        [
            area.axes(say("learning-rate"), ""),
            _mark(area, suggestion),
            area.line([(point.lr, point.loss) for point in points], class_="running"),
            area.line(smoothed, class_="train"),
        ]
    )
    title = say("loss-by-rate")
    step = -(-len(points) // _MOST_ROWS)
    return Figure(
        title=title,
        drawing=drawing(content, width=width, height=height, label=title),
        numbers=Table(
            [say("learning-rate"), say("running-loss"), say("smoothed")],
            [[number(p.lr), number(p.loss), number(p.smoothed)] for p in points[::step]],
        ),
        note=say("rate-rule"),
        legend=[("train", say("smoothed")), ("running", say("running-loss"))],
    )


def _mark(area: Frame, suggestion: float | None) -> Markup:
    if suggestion is None:
        return Markup("")
    at, top = area.x(suggestion), area.y.end
    return join(
        [
            element("line", x1=at, x2=at, y1=top, y2=area.y.start, class_="flag kept"),
            element("text", number(suggestion), x=at + 4, y=top + 10, class_="flag kept"),
        ]
    )
