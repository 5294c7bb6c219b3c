"""The range test as a chart: the loss over a rate that rises."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from phoropter.core.run_records import RangePoint
from phoropter.report.figure import Figure, Table
from phoropter.report.numbers import number
from phoropter.report.sentences import Sentences
from phoropter.report.svg import Frame, drawing, element, frame, join, span

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
    smoothed = [(point.lr, point.smoothed) for point in points]
    means = [mean for _, mean in smoothed]
    low, high = span(means)
    rates = _rates(points)
    area = frame(rates, (max(low, 0.0) if min(means) >= 0 else low, high), log_x=True)
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
        drawing=drawing(content, width=area.width, height=area.height, label=title),
        numbers=Table(
            [say("learning-rate"), say("running-loss"), say("smoothed")],
            [[number(p.lr), number(p.loss), number(p.smoothed)] for p in points[::step]],
        ),
        note=say("rate-rule"),
        legend=[("train", say("smoothed")), ("running", say("running-loss"))],
    )


def _rates(points: Sequence[RangePoint]) -> tuple[float, float]:
    first, last = points[0].lr, points[-1].lr
    # A test that ended at its first step has one rate, and an axis needs two.
    return (first, last) if first < last else (first / 10, first * 10)


def _mark(area: Frame, suggestion: float | None) -> Markup:
    if suggestion is None:
        return Markup("")
    at, top = area.x(suggestion), area.y.end
    side, anchor = (4, "start") if at < (area.x.start + area.x.end) / 2 else (-4, "end")
    where = {"x": at + side, "y": top + 10, "text_anchor": anchor}
    return join(
        [
            element("line", x1=at, x2=at, y1=top, y2=area.y.start, class_="flag kept"),
            element("text", number(suggestion), **where, class_="flag kept"),
        ]
    )
