"""Learning curves, with the findings where they happened."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from markupsafe import Markup

from phoropter.core.records import Finding
from phoropter.core.run_records import Epoch
from phoropter.report.figure import Figure, Table
from phoropter.report.numbers import number
from phoropter.report.sentences import Sentences
from phoropter.report.svg import Frame, Point, drawing, element, frame, join, span, titled

Value = Callable[[Epoch], float | None]

# Beyond this ratio a linear axis shows nothing but the largest value.
_LOG_FROM = 50.0
_MOST_ROWS = 200


def learning_curves(
    history: Sequence[Epoch],
    findings: Sequence[Finding],
    *,
    metric: str,
    best_epoch: int,
    say: Sentences,
) -> tuple[Figure, ...]:
    """Loss and primary metric by epoch; figures of fewer than two passes are left out.

    Findings are marked at `evidence["mark_epoch"]`, the kept weights at `best_epoch`.
    """
    marks = _marks(history, findings, best_epoch, say)
    series: list[tuple[str, str, Value]] = [
        ("train", say("train"), lambda row: row.train_loss),
        ("val", say("val"), lambda row: row.val_loss),
        ("running", say("running-loss"), lambda row: row.running_loss),
    ]
    loss = _curves(history, series, marks, title=say("loss-by-epoch"), say=say)
    series = [
        ("train", say("train"), lambda row: row.train_metric),
        ("val", say("val"), lambda row: row.val_metric),
    ]
    title = say("metric-by-epoch", metric=metric)
    score = _curves(history, series, marks, title=title, say=say)
    return tuple(figure for figure in (loss, score) if figure is not None)


def _curves(
    history: Sequence[Epoch],
    series: Sequence[tuple[str, str, Value]],
    marks: Sequence[tuple[int, str, str]],
    *,
    title: str,
    say: Sentences,
) -> Figure | None:
    lines = {
        css: [(float(row.epoch), _float(value(row))) for row in history] for css, _, value in series
    }
    known = {x for points in lines.values() for x, y in points if math.isfinite(y)}
    if len(known) < 2:
        return None  # one pass makes no curve
    shown = [y for points in lines.values() for _, y in points if math.isfinite(y)]
    log = min(shown) > 0 and max(shown) > _LOG_FROM * min(shown)
    low, high = span(shown)
    limits = (
        (min(shown) * 0.9, max(shown) * 1.1)
        if log
        else (max(low, 0.0) if min(shown) >= 0 else low, high)
    )
    area = frame(span([float(row.epoch) for row in history], margin=0.0), limits, log_y=log)
    legend = [
        (css, name) for css, name, _ in series if any(math.isfinite(y) for _, y in lines[css])
    ]
    # The running loss lies under the two that are measured alike.
    drawn = [area.line(lines[css], class_=css) for css, _, _ in reversed(series)]
    dots = [_dots(area, lines[css], css, name) for css, name, _ in series if css != "running"]
    content = join([area.axes(say("epoch"), "", whole_x=True), _flags(area, marks), *drawn, *dots])
    return Figure(
        title=title,
        drawing=drawing(content, width=area.width, height=area.height, label=title),
        numbers=_table(history, series, say),
        note=say("log-scale") if log else "",
        legend=legend,
    )


def _dots(area: Frame, points: Sequence[Point], css: str, name: str) -> Markup:
    finite = [(a, b) for a, b in points if math.isfinite(b)]
    return join(
        titled(
            "circle",
            f"{name}, {number(int(a))}: {number(b)}",
            cx=area.x(a),
            cy=area.y(b),
            r=3 if len(finite) <= 40 else 1.5,
            class_=f"dot {css}",
        )
        for a, b in finite
    )


def _flags(area: Frame, marks: Sequence[tuple[int, str, str]]) -> Markup:
    """Vertical lines with their names, staggered so that neighbours stay legible."""
    parts = []
    for place, (epoch, name, css) in enumerate(sorted(marks)):
        at, top = area.x(epoch), area.y.end
        right = at > (area.x.start + area.x.end) / 2
        parts += [
            element("line", x1=at, x2=at, y1=top, y2=area.y.start, class_=f"flag {css}"),
            element(
                "text",
                name,
                x=at - 4 if right else at + 4,
                y=top + 10 + 14 * (place % 4),
                text_anchor="end" if right else "start",
                class_=f"flag {css}",
            ),
        ]
    return join(parts)


def _marks(
    history: Sequence[Epoch], findings: Sequence[Finding], best_epoch: int, say: Sentences
) -> list[tuple[int, str, str]]:
    epochs = {row.epoch for row in history}
    marks = [(best_epoch, say("kept"), "kept")] if best_epoch in epochs else []
    for finding in findings:
        epoch = finding.evidence.get("mark_epoch")
        if isinstance(epoch, int) and epoch in epochs:
            marks.append((epoch, finding.code, finding.severity))
    return marks


def _table(
    history: Sequence[Epoch], series: Sequence[tuple[str, str, Value]], say: Sentences
) -> Table:
    step = -(-len(history) // _MOST_ROWS)
    rows = [
        [number(row.epoch), *(number(value(row)) for _, _, value in series), number(row.lr)]
        for row in history[::step]
    ]
    return Table([say("epoch"), *(name for _, name, _ in series), say("learning-rate")], rows)


def _float(value: float | None) -> float:
    return math.nan if value is None else value
