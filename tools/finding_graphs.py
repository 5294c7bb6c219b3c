"""Graphs of what the runs of two projects tell together, for the pages of docs/findings."""

from __future__ import annotations

from finding_charts import STYLE
from finding_figures import beside
from finding_projects import Told
from markupsafe import Markup

from phoropter.core.forecasts import Forecast
from phoropter.report.svg import Frame, element, frame, join, span

LOOKS = (("train", "validation"), ("val", "of the best"), ("other", "its test"))
AHEAD = (("train", "measured"), ("ahead", "forecast"))


def looks_figure(healthy: Told, sick: Told) -> str:
    """The score of every run that was looked at, and what the best of them has on the test part."""
    sides = healthy, sick
    limits = span([run.score.value for told in sides for run in told.runs])
    return beside(
        "Validation accuracy of all runs, test accuracy of the best",
        [_looks(told, limits) for told in sides],
        style=STYLE,
        legend=LOOKS,
    )


def _looks(told: Told, limits: tuple[float, float]) -> Markup:
    area = frame((0.0, len(told.runs) + 1.0), limits)
    parts = [area.axes("run", "accuracy", whole_x=True)]
    for at, run in enumerate(told.runs, start=1):
        chosen = ("val", 6.5) if run is told.chosen else ("", 4.0)
        parts.append(_point(area, (at, run.score.value), *chosen))
        if run is told.chosen and told.tested is not None:
            parts.append(_upright(area, at, (told.tested.low, told.tested.high), "other"))
            parts.append(_point(area, (at, told.tested.value), "other"))
    return join(parts)


def seeds_figure(healthy: Told, sick: Told) -> str:
    """The primary metric by epoch, one line a seed, and a dot where its weights are kept."""
    return beside(
        "Validation accuracy by epoch, one line a seed",
        [_seeds(told) for told in (healthy, sick)],
        style=STYLE,
    )


def _seeds(told: Told) -> Markup:
    area = frame((0.0, float(told.chosen.history[-1].epoch)), (0.0, 1.0))
    parts = [area.axes("epoch", "accuracy", whole_x=True)]
    for run in told.runs:
        rows = [(float(row.epoch), row.val_metric) for row in run.history]
        points = [(epoch, value) for epoch, value in rows if value is not None]
        parts.append(area.line(points, class_="seed"))
        parts.append(_point(area, (float(run.summary.best_epoch), run.score.value), "val"))
    return join(parts)


def forecast_figure(healthy: Told, sick: Told) -> str:
    """Error by the number of training samples, measured and expected, on a logarithmic axis."""
    found = [told.result.forecast for told in (healthy, sick)]
    known = [one for one in found if one is not None]
    most = max(level.error for one in known for level in one.levels)
    sizes = [level.samples for one in known for level in one.levels]
    sizes += [float(gain.samples) for one in known for gain in one.gains]
    limits = (min(sizes) * 0.9, max(sizes) * 1.1), (0.0, most * 1.05)
    return beside(
        "Validation error by training samples, measured and forecast",
        [_forecast(one, frame(*limits, log_x=True)) for one in known],
        style=STYLE,
        legend=AHEAD,
    )


def _forecast(found: Forecast, area: Frame) -> Markup:
    measured = [(level.samples, level.error) for level in found.levels]
    ahead = [(float(gain.samples), gain.error) for gain in found.gains]
    parts = [
        area.axes("training samples", "error"),
        area.line(measured, class_="train"),
        area.line([measured[-1], *ahead], class_="ahead"),
        *(_point(area, point, "") for point in measured),
    ]
    for gain, point in zip(found.gains, ahead, strict=True):
        parts.append(_upright(area, point[0], (gain.error_low, gain.error_high), "val"))
        parts.append(_point(area, point, "val"))
    return join(parts)


def _point(area: Frame, point: tuple[float, float], css: str, radius: float = 4.0) -> Markup:
    at, y = area.place([point])[0]
    return element("circle", cx=at, cy=y, r=radius, class_=f"dot {css}")


def _upright(area: Frame, x: float, ends: tuple[float, float], css: str) -> Markup:
    at, (low, high) = area.x(x), map(area.y, ends)
    return element("line", x1=at, x2=at, y1=low, y2=high, class_=f"whisker {css}")
