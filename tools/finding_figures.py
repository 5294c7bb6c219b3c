"""Two runs in one picture, for the pages of docs/findings."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Protocol

from markupsafe import Markup

from phoropter.core.run_records import Epoch
from phoropter.project.run_record import RunRecord
from phoropter.report.lettering import text_width
from phoropter.report.svg import Frame, Point, drawing, element, frame, join, span

GAP, TOP, SIDE = 24.0, 26.0, 8.0
STYLE = (
    "text{font:12px system-ui,sans-serif;fill:#5c646e}.grid{stroke:#dedad2}.axis{stroke:#5c646e}"
    ".line{fill:none;stroke-width:2;stroke:#8b919a}.line.val{stroke:#1f5fa8}"
    ".line.running{stroke-dasharray:2 3;stroke-width:1.2}.title{font-weight:600;fill:#1d2126}"
    ".paper{fill:#fdfcfa}"
)
STOPPED = ".stop{stroke:#a3261f;stroke-width:1.5;stroke-dasharray:5 3}.stopped{fill:#a3261f}"
LEGEND = (("train", "training"), ("running", "as optimised"), ("val", "validation"))
SAMPLE = 22.0


class Curves(Protocol):
    """Whatever has learning curves."""

    @property
    def history(self) -> Sequence[Epoch]:
        """One row a pass."""


def curves_figure(healthy: Curves, sick: Curves) -> str:
    """Losses by epoch: training grey, varied training images dotted, validation blue."""
    runs = (healthy, sick)
    values = [value for run in runs for row in run.history for value in _losses(row).values()]
    shown = [value for value in values if value is not None and math.isfinite(value)]
    limits = (0.0, span(shown)[1])
    return beside(
        "Losses by epoch: training grey, in training dotted, validation blue",
        [_curves(run, limits) for run in runs],
        legend=LEGEND,
        style=STOPPED if any(_lost_at(run) is not None for run in runs) else "",
    )


def norms_figure(healthy: RunRecord, sick: RunRecord) -> str:
    """The gradient norm of each block in the last sampled pass, on a logarithmic axis."""
    rows = [[value or 1e-12 for value in run.signals[-1].grad_norms] for run in (healthy, sick)]
    low, high = min(map(min, rows)), max(map(max, rows))
    return beside(
        "Gradient norm by block, from the first to the last",
        [_line(norms, (low / 2, high * 2), "gradient norm") for norms in rows],
    )


def shares_figure(healthy: RunRecord, sick: RunRecord) -> str:
    """The share of dead units of each activation layer in the last sampled pass."""
    rows = [list(run.signals[-1].inactive.values()) for run in (healthy, sick)]
    return beside(
        "Share of dead units by layer, from the first to the last",
        [_line(shares, (0.0, 1.0), "dead units", log=False) for shares in rows],
    )


def _losses(row: Epoch) -> dict[str, float | None]:
    return {"train": row.train_loss, "running": row.running_loss, "val": row.val_loss}


def _curves(run: Curves, limits: tuple[float, float]) -> Markup:
    area = frame(span([float(row.epoch) for row in run.history], margin=0.0), limits)
    lines = []
    for name in ("running", "train", "val"):
        points: list[Point] = [
            (float(row.epoch), min(value, limits[1]))
            for row in run.history
            if (value := _losses(row)[name]) is not None and math.isfinite(value)
        ]
        if points:
            lines.append(area.line(points, class_=name))
    lost = _lost_at(run)
    stop = [] if lost is None else [_stop(area, float(lost))]
    return join([area.axes("epoch", "loss", whole_x=True), *stop, *lines])


def _lost_at(run: Curves) -> int | None:
    """The pass in which the loss was no number any more."""
    lost = (row.epoch for row in run.history if not math.isfinite(row.running_loss or 0.0))
    return next(lost, None)


def _stop(area: Frame, epoch: float) -> Markup:
    """An upright line where the curves end, and why."""
    at = area.x(epoch)
    text = {"x": at, "y": area.y.end - 8, "text_anchor": "end", "class_": "stopped"}
    line = element("line", x1=at, x2=at, y1=area.y.end, y2=area.y.start, class_="stop")
    return join([line, element("text", "from here no number", **text)])


def _line(
    values: list[float], limits: tuple[float, float], name: str, *, log: bool = True
) -> Markup:
    area = frame((1.0, float(max(len(values), 2))), limits, log_y=log)
    points = [(float(place), value) for place, value in enumerate(values, start=1)]
    return join([area.axes("layer", name, whole_x=True), area.line(points, class_="val")])


def beside(
    label: str,
    drawings: list[Markup],
    *,
    legend: Sequence[tuple[str, str]] = (),
    height: float | None = None,
    style: str = "",
) -> str:
    """Both drawings under their names, as a file that stands alone, on paper of its own.

    Args:
        label: What a screen reader says.
        drawings: Of the healthy side and of the sick one.
        legend: Classes of lines and what they are called.
        height: Of the higher drawing; None: of a chart.
        style: Of what the drawings have besides lines, in CSS.
    """
    area = frame((0.0, 1.0), (0.0, 1.0))
    size = {"width": 2 * (area.width + SIDE) + GAP, "height": (height or area.height) + TOP}
    parts = [
        element("style", Markup(STYLE + style)),
        element("rect", **size, class_="paper"),
        _legend(legend, size["width"] - SIDE - 12),
    ]
    for place, (name, content) in enumerate(zip(("healthy", "sick"), drawings, strict=True)):
        moved = f"translate({SIDE + place * (area.width + GAP):g} {TOP:g})"
        title = element("text", name, x=0, y=-8, class_="title")
        parts.append(element("g", join([title, content]), transform=moved))
    whole = drawing(join(parts), **size, label=label)
    alone = re.sub("^<svg", '<svg xmlns="http://www.w3.org/2000/svg"', str(whole))
    return f"{alone}\n"


def _legend(names: Sequence[tuple[str, str]], right: float) -> Markup:
    """A piece of each line with its name, on the right above the drawings."""
    parts = []
    for css, name in reversed(names):
        left = right - text_width(name)
        start = left - 6 - SAMPLE
        parts += [
            element("path", d=f"M{start:.1f} 14L{start + SAMPLE:.1f} 14", class_=f"line {css}"),
            element("text", name, x=left, y=18),
        ]
        right = start - 16
    return join(parts)
