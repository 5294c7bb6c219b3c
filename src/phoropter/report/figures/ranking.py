"""What other thresholds would give: ROC and precision-recall curves, a class against the rest."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from phoropter.core.predictions import ClassPredictions
from phoropter.metrics.curves import ThresholdCurve, threshold_curve
from phoropter.metrics.function import Floats, known_rows
from phoropter.report.figure import Figure, Table
from phoropter.report.numbers import fraction, number
from phoropter.report.sentences import Sentences
from phoropter.report.svg import Frame, drawing, element, frame, join, titled

_MOST_CLASSES = 24
_MOST_POINTS = 200
_SHOWN_RATES = (0.5, 0.7, 0.8, 0.9, 0.95, 0.99)
"""Recalls at which the table says what they cost."""


@dataclass(frozen=True, slots=True, eq=False)
class _OneClass:
    name: str
    curve: ThresholdCurve
    samples: int
    area: float
    precision: float
    named: tuple[float, float, float]
    """Recall, false alarms and precision of the answers as they are."""


def ranking_figures(predictions: ClassPredictions, *, say: Sentences) -> tuple[Figure, ...]:
    """Both curves; none where no class occurs beside another, or there are too many to draw.

    The class that is told from the rest least well is drawn in colour, the others in grey.
    """
    known = predictions.take(np.flatnonzero(known_rows(predictions)))
    if len(predictions.classes) > _MOST_CLASSES:
        return ()
    classes = [
        _one_class(known, place)
        for place in range(len(known.classes))
        if 0 < int((known.truth == place).sum()) < len(known)
    ]
    if not classes:
        return ()
    return (_roc(classes, say), _precision_recall(classes, say))


def _one_class(known: ClassPredictions, place: int) -> _OneClass:
    positive, named = known.truth == place, known.predicted == place
    hits, calls, count = int((positive & named).sum()), int(named.sum()), int(positive.sum())
    curve = threshold_curve(known.probabilities[:, place], positive)
    steps = np.diff(curve.recall)
    return _OneClass(
        known.classes[place],
        curve,
        count,
        area=float(np.trapezoid(curve.recall, curve.false_alarms)),
        precision=float((steps * curve.precision[1:]).sum()),
        named=(
            hits / count,
            (calls - hits) / (len(known) - count),
            hits / calls if calls else 1.0,
        ),
    )


def _roc(classes: list[_OneClass], say: Sentences) -> Figure:
    weakest = min(classes, key=lambda item: item.area)
    area = frame((0.0, 1.0), (0.0, 1.0))
    parts = [
        area.axes(say("false-alarms"), say("recall")),
        area.line([(0.0, 0.0), (1.0, 1.0)], class_="ideal"),
        *(
            _line(area, item, (item.curve.false_alarms, item.curve.recall), weakest)
            for item in _coloured_last(classes, weakest)
        ),
        _dot(area, weakest.named[1], weakest.named[0], weakest.name),
    ]
    rows = [
        [item.name, number(item.samples), fraction(item.area)]
        + [fraction(_alarms_at(item.curve, rate)) for rate in _SHOWN_RATES]
        for item in classes
    ]
    header = [say("class"), say("samples"), say("area")]
    header += [say("alarms-at", recall=f"{rate:.0%}") for rate in _SHOWN_RATES]
    title = say("roc")
    return Figure(
        title=title,
        drawing=drawing(join(parts), width=area.width, height=area.height, label=title),
        numbers=Table(header, rows),
        note=say("roc-note"),
        legend=_legend(classes, weakest, say),
    )


def _precision_recall(classes: list[_OneClass], say: Sentences) -> Figure:
    weakest = min(classes, key=lambda item: item.precision)
    area = frame((0.0, 1.0), (0.0, 1.0))
    parts = [
        area.axes(say("recall"), say("precision")),
        *(
            _line(area, item, (item.curve.recall, item.curve.precision), weakest)
            for item in _coloured_last(classes, weakest)
        ),
        _dot(area, weakest.named[0], weakest.named[2], weakest.name),
    ]
    rows = [
        [item.name, number(item.samples), fraction(item.precision)]
        + [fraction(_precision_at(item.curve, rate)) for rate in _SHOWN_RATES]
        for item in classes
    ]
    header = [say("class"), say("samples"), say("average-precision")]
    header += [say("precision-at", recall=f"{rate:.0%}") for rate in _SHOWN_RATES]
    title = say("precision-recall")
    return Figure(
        title=title,
        drawing=drawing(join(parts), width=area.width, height=area.height, label=title),
        numbers=Table(header, rows),
        note=say("precision-recall-note"),
        legend=_legend(classes, weakest, say),
    )


def _coloured_last(classes: list[_OneClass], weakest: _OneClass) -> list[_OneClass]:
    return [*(item for item in classes if item is not weakest), weakest]


def _legend(classes: list[_OneClass], weakest: _OneClass, say: Sentences) -> list[tuple[str, str]]:
    others = [("train", say("other-classes"))] if len(classes) > 1 else []
    return [("val", weakest.name), *others]


def _line(area: Frame, item: _OneClass, way: tuple[Floats, Floats], weakest: _OneClass) -> Markup:
    x, y = way
    kept = np.unique(np.linspace(0, len(x) - 1, min(len(x), _MOST_POINTS)).round().astype(np.int64))
    points = [(float(x[at]), float(y[at])) for at in kept]
    drawn = area.line(points, class_="val" if item is weakest else "other")
    return element("g", join([element("title", item.name), drawn]))


def _dot(area: Frame, x: float, y: float, name: str) -> Markup:
    said = f"{name}: {fraction(x)}, {fraction(y)}"
    return titled("circle", said, cx=area.x(x), cy=area.y(y), r=4.5, class_="dot val")


def _alarms_at(curve: ThresholdCurve, recall: float) -> float:
    """The least share of false alarms with which that recall is reached."""
    return float(curve.false_alarms[int(np.argmax(curve.recall >= recall - 1e-12))])


def _precision_at(curve: ThresholdCurve, recall: float) -> float:
    """The largest precision with which that recall is reached."""
    return float(curve.precision[curve.recall >= recall - 1e-12].max())
