"""Where the model is weaker: its results by what the samples are like."""

from __future__ import annotations

from collections.abc import Sequence

from phoropter.core.records import Metric
from phoropter.core.run_records import SliceScore
from phoropter.report.figure import Figure, Table
from phoropter.report.figures.intervals import Bar, interval_chart
from phoropter.report.numbers import interval, number, reached
from phoropter.report.sentences import Sentences

_MOST_BARS = 12
_PROPERTIES = ("class", "size", "brightness", "contrast", "sharpness", "format", "mode")


def slice_figure(slices: Sequence[SliceScore], overall: Metric, *, say: Sentences) -> Figure:
    """The worst slices beside all samples; the table has every slice."""
    name = say("share-right") if overall.name == "accuracy" else overall.name
    bars = [
        Bar(
            _short(item, say),
            item.metric.value,
            item.metric.low,
            item.metric.high,
            css="worse" if item.weak else "plain",
        )
        for item in slices[:_MOST_BARS]
    ]
    whole = Bar(say("all-samples"), overall.value, overall.low, overall.high, css="val")
    chart = interval_chart([whole, *bars], title=say("slices"), axis=name, say=say)
    weak = sum(item.weak for item in slices)
    note = say("slices-weak", count=number(weak)) if weak else say("slices-none")
    rows = [
        [
            _label(item, say),
            number(item.metric.n),
            reached(item.metric),
            interval(item.metric),
            number(round(item.p_value, 4)),
        ]
        for item in slices
    ]
    header = [say("slice"), say("samples"), name, say("interval"), say("p-corrected")]
    note = f"{note} {say('slices-note', count=number(len(slices)))}"
    return Figure(chart.title, chart.drawing, Table(header, rows), note=note)


def _label(item: SliceScore, say: Sentences) -> str:
    return f"{_column(item, say)}: {item.value}"


def _short(item: SliceScore, say: Sentences) -> str:
    """The label with as many digits as a phone has room for."""
    ends = item.value.split(" to ")
    if len(ends) == 2 and all(map(_is_number, ends)):
        low, high = (f"{float(end):.{4 if abs(float(end)) >= 1 else 2}g}" for end in ends)
        return f"{_column(item, say)} {low}–{high}"
    return _label(item, say)


def _column(item: SliceScore, say: Sentences) -> str:
    return say(f"slice-{item.column}") if item.column in _PROPERTIES else item.column


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
