"""Predicted numbers against true ones, and what is left over."""

from __future__ import annotations

import numpy as np

from phoropter.core.predictions import ValuePredictions
from phoropter.core.seed import generator
from phoropter.report.figure import Figure, Table
from phoropter.report.numbers import number
from phoropter.report.sentences import Sentences
from phoropter.report.svg import drawing, element, frame, join, span, titled

_MOST_POINTS = 1500
_BINS = 10
_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


def value_figures(predictions: ValuePredictions, *, say: Sentences) -> tuple[Figure, ...]:
    """For every predicted number: prediction against truth, and residual against truth."""
    return tuple(
        figure
        for index in range(len(predictions.names))
        for figure in (_scatter(predictions, index, say), _residuals(predictions, index, say))
    )


def _scatter(predictions: ValuePredictions, index: int, say: Sentences) -> Figure:
    rows = _shown(predictions, index)
    truth, values = predictions.truth[rows, index], predictions.values[rows, index]
    limits = span([*truth.tolist(), *values.tolist()])
    area = frame(limits, limits)
    dots = [
        titled(
            "circle",
            f"{predictions.ids[row]}: {number(float(a))} → {number(float(b))}",
            cx=area.x(float(a)),
            cy=area.y(float(b)),
            r=3,
            class_="dot soft val",
        )
        for row, a, b in zip(rows, truth, values, strict=True)
    ]
    name = predictions.names[index]
    title = say("prediction-by-truth", name=name)
    ideal = area.line([(limits[0], limits[0]), (limits[1], limits[1])], class_="ideal")
    content = join([area.axes(say("truth"), say("prediction")), ideal, *dots])
    known = int(np.isfinite(predictions.truth[:, index]).sum())
    table = Table(
        [say("sample"), say("truth"), say("prediction")],
        [
            [str(predictions.ids[row]), number(float(a)), number(float(b))]
            for row, a, b in list(zip(rows, truth, values, strict=True))[:100]
        ],
    )
    note = say("points-shown", shown=number(len(rows)), count=number(known))
    return Figure(
        title=title,
        drawing=drawing(content, width=area.width, height=area.height, label=title),
        numbers=table,
        note=note if len(rows) < known else "",
    )


def _residuals(predictions: ValuePredictions, index: int, say: Sentences) -> Figure:
    """Residuals by tenths of the samples, ordered by truth: median and spread of each."""
    known = np.isfinite(predictions.truth[:, index])
    truth = predictions.truth[known, index]
    residuals = predictions.values[known, index] - truth
    groups = np.array_split(np.argsort(truth, kind="stable"), min(_BINS, max(len(truth) // 4, 1)))
    groups = [group for group in groups if len(group)]
    bands = [np.quantile(residuals[group], _QUANTILES) for group in groups]
    middles = [float(np.median(truth[group])) for group in groups]
    area = frame(span(middles), span([0.0, *(float(v) for band in bands for v in band)]))
    zero = area.line([(area.x.low, 0.0), (area.x.high, 0.0)], class_="ideal")
    parts = [area.axes(say("truth"), say("residual")), zero]
    for group, middle, band in zip(groups, middles, bands, strict=True):
        x, ends = area.x(middle), [area.y(float(value)) for value in band]
        said = f"{number(middle)}: {number(float(band[2]))} (n = {number(len(group))})"
        parts += [
            element("line", x1=x, x2=x, y1=ends[0], y2=ends[4], class_="whisker val"),
            element("line", x1=x, x2=x, y1=ends[1], y2=ends[3], class_="whisker thick val"),
            titled("circle", said, cx=x, cy=ends[2], r=4, class_="dot val"),
        ]
    title = say("residual-by-truth", name=predictions.names[index])
    header = [say("truth"), say("samples"), *(f"{share:.0%}" for share in _QUANTILES)]
    rows = [
        [number(middle), number(len(group)), *(number(float(value)) for value in band)]
        for group, middle, band in zip(groups, middles, bands, strict=True)
    ]
    return Figure(
        title=title,
        drawing=drawing(join(parts), width=area.width, height=area.height, label=title),
        numbers=Table(header, rows),
        note=say("residual-note"),
    )


def _shown(predictions: ValuePredictions, index: int) -> list[int]:
    """Positions of the points drawn; a fixed random choice where there are very many."""
    known = np.flatnonzero(np.isfinite(predictions.truth[:, index]))
    if len(known) > _MOST_POINTS:
        draws = generator(0, "report", "points")
        known = np.sort(draws.choice(known, _MOST_POINTS, replace=False))
    return [int(row) for row in known]
