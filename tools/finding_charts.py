"""Rows of dots or bars of two projects beside each other, for the pages of docs/findings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from finding_figures import beside
from finding_projects import Told
from markupsafe import Markup

from phoropter.core.predictions import ClassPredictions
from phoropter.core.records import Metric
from phoropter.project.run_record import RunRecord, measured
from phoropter.report.numbers import number
from phoropter.report.svg import Scale, element, join, spaced, span, tick_label

STYLE = (
    ".dot{fill:#8b919a}.dot.val{fill:#1f5fa8}.dot.other{fill:#b5482f}"
    ".whisker{stroke:#8b919a;stroke-width:2}.whisker.val{stroke:#1f5fa8}"
    ".whisker.other{stroke:#b5482f}.line.seed{stroke:#1f5fa8;stroke-width:1.4;stroke-opacity:.65}"
    ".line.ahead{stroke:#1f5fa8;stroke-dasharray:5 3}.line.other{stroke:#b5482f}"
)
METRICS = (("val", "accuracy"), ("other", "macro F1"))
ANSWERS = (("train", "samples"), ("val", "answers"))
WIDTH, ROW, NAMES = 440.0, 30.0, 116.0
APART = 13.0
"""Between the marks of one row, which is higher by as much for each further one."""


@dataclass(frozen=True)
class Mark:
    """A value with its interval, or a bar from nought where there is none.

    Args:
        value: Of the dot or bar.
        css: "", "val" or "other".
        low: Lower end of the interval.
        high: Upper end.
    """

    value: float
    css: str = ""
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Drawn:
    """How rows are drawn.

    Args:
        scale: From left to right.
        row: Height of one.
        axis: What is measured.
        bars: Whether values are bars from nought.
    """

    scale: Scale
    row: float
    axis: str
    bars: bool


Legend = Sequence[tuple[str, str]]
Row = tuple[str, Sequence[Mark]]
"""What is written on the left, and what is drawn."""


def metric_of(run: RunRecord, name: str) -> Metric:
    """A metric of a run on the validation part."""
    known = (*run.metrics, *measured(run.predictions, run.decoding, primary=name))
    return next(metric for metric in known if metric.name == name)


def ladder_figure(healthy: Told, sick: Told) -> str:
    """The simple models and the network, on one axis."""
    sides = [
        [(name, [_dot(run.score)]) for name, run in told.simple.items()]
        + [("network", [_dot(told.chosen.score, "val")])]
        for told in (healthy, sick)
    ]
    return _rows("Accuracy of simple models and of the network", sides, "validation accuracy")


def metrics_figure(healthy: Told, sick: Told) -> str:
    """All models, those with constant answers too, by two metrics."""
    sides = [
        [
            (
                name,
                [
                    _dot(metric_of(run, "accuracy"), "val"),
                    _dot(metric_of(run, "macro_f1"), "other"),
                ],
            )
            for name, run in {**told.ladder, "network": told.chosen}.items()
        ]
        for told in (healthy, sick)
    ]
    return _rows("Accuracy and macro F1 of each model", sides, "validation metric", legend=METRICS)


def parts_figure(healthy: Told, sick: Told) -> str:
    """The error budget, as bars with their intervals."""
    names = {"noise_floor": "unavoidable", "bias": "bias", "variance": "variance"}
    sides = []
    for told in (healthy, sick):
        error = Mark(1 - told.chosen.score.value)
        rows: list[Row] = [("validation error", [error])]
        for part, words in names.items():
            known = told.part(part)
            marks = [] if known is None else [Mark(known.value, "val", known.low, known.high)]
            rows.append((words, marks))
        sides.append(rows)
    return _rows("Parts of the validation error", sides, "share of validation samples", bars=True)


def answers_figure(healthy: Told, sick: Told) -> str:
    """How many samples a class has, and how often it was answered."""
    sides = []
    for told in (healthy, sick):
        said = told.chosen.predictions
        if not isinstance(said, ClassPredictions):
            raise TypeError(type(said).__name__)
        counts = [
            np.bincount(rows, minlength=len(said.classes)) for rows in (said.truth, said.predicted)
        ]
        sides.append(
            [
                (name, [Mark(float(counts[0][at])), Mark(float(counts[1][at]), "val")])
                for at, name in enumerate(said.classes)
            ]
        )
    return _rows(
        "Samples and answers by class", sides, "validation samples", bars=True, legend=ANSWERS
    )


def _dot(metric: Metric, css: str = "") -> Mark:
    return Mark(metric.value, css, metric.low, metric.high)


def _rows(
    label: str,
    sides: Sequence[Sequence[Row]],
    axis: str,
    *,
    bars: bool = False,
    legend: Legend = (),
) -> str:
    """Rows of dots, or of bars from nought, all on one scale."""
    values = [
        end
        for rows in sides
        for _, marks in rows
        for mark in marks
        for end in (mark.value, mark.low, mark.high)
        if end is not None
    ]
    low, high = span(values)
    scale = Scale(0.0 if bars else low, high if bars else min(high, 1.0), NAMES, WIDTH - 40)
    most = max(len(marks) for rows in sides for _, marks in rows)
    drawn = Drawn(scale, ROW + APART * (most - 1), axis, bars=bars)
    height = drawn.row * max(map(len, sides)) + 48
    drawings = [_side(rows, drawn, height) for rows in sides]
    return beside(label, drawings, height=height, style=STYLE, legend=legend)


def _side(rows: Sequence[Row], drawn: Drawn, height: float) -> Markup:
    bottom, scale, parts = height - 40, drawn.scale, []
    for value in spaced(scale, WIDTH):
        at = scale(value)
        parts += [
            element("line", x1=at, x2=at, y1=4, y2=bottom, class_="grid"),
            tick_label(scale, value, y=bottom + 16, width=WIDTH),
        ]
    parts.append(element("text", drawn.axis, x=scale.end, y=height - 6, text_anchor="end"))
    for place, (name, marks) in enumerate(rows):
        middle = drawn.row * (place + 0.5) + 4
        parts.append(element("text", name, x=NAMES - 12, y=middle + 4, text_anchor="end"))
        first = middle - APART * (len(marks) - 1) / 2
        draw = _bar if drawn.bars else _dotted
        parts += [draw(mark, scale, first + APART * at) for at, mark in enumerate(marks)]
        if not marks:
            parts.append(element("text", "not known", x=NAMES + 4, y=middle + 4))
    return join(parts)


def _bar(mark: Mark, scale: Scale, y: float) -> Markup:
    box = {"x": scale.start, "y": y - 4, "width": scale(mark.value) - scale.start, "height": 8}
    end = scale(mark.value if mark.high is None else mark.high)
    return join(
        [
            element("rect", **box, class_=f"dot {mark.css}"),
            *_whisker(mark, scale, y),
            element("text", number(round(mark.value, 3)), x=end + 6, y=y + 4),
        ]
    )


def _dotted(mark: Mark, scale: Scale, y: float) -> Markup:
    dot = element("circle", cx=scale(mark.value), cy=y, r=4, class_=f"dot {mark.css}")
    return join([*_whisker(mark, scale, y), dot])


def _whisker(mark: Mark, scale: Scale, y: float) -> Sequence[Markup]:
    if mark.low is None or mark.high is None:
        return ()
    ends = {"x1": scale(mark.low), "x2": scale(mark.high), "y1": y, "y2": y}
    return (element("line", **ends, class_=f"whisker {mark.css}"),)
