"""Pages of nothing but figures: the learning curves of a run, a range test."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from phoropter.core.files import write_text
from phoropter.core.records import Finding
from phoropter.core.run_records import Epoch, RangePoint
from phoropter.report.environment import environment
from phoropter.report.figure import Figure
from phoropter.report.figures.curves import learning_curves
from phoropter.report.figures.rates import range_figure
from phoropter.report.sentences import Sentences


def write_learning_curves(
    path: Path,
    run: str,
    history: Sequence[Epoch],
    findings: Sequence[Finding],
    *,
    metric: str,
    best_epoch: int,
    lang: str = "en",
) -> Path:
    """Writes a run's learning curves as a page of its own and returns its path.

    Args:
        path: The HTML file.
        run: Identifier of the run.
        history: One row an epoch.
        findings: Marked where they happened.
        metric: Name of the primary metric.
        best_epoch: The one whose weights were kept.
        lang: "en" or "ko".

    Raises:
        UsageError: If there is no such language.
        StorageError: If the disk is full or the folder cannot be written.
    """
    say = Sentences(lang)
    figures = learning_curves(history, findings, metric=metric, best_epoch=best_epoch, say=say)
    return _write(path, say("curves-of", run=run), figures, say)


def write_range_test(
    path: Path,
    name: str,
    points: Sequence[RangePoint],
    suggestion: float | None,
    *,
    lang: str = "en",
) -> Path:
    """Writes the picture of a range test and returns its path.

    Args:
        path: The HTML file.
        name: Of the data.
        points: Rates rising.
        suggestion: The rate to mark, or None.
        lang: "en" or "ko".

    Raises:
        UsageError: If there is no such language.
        StorageError: If the disk is full or the folder cannot be written.
    """
    say = Sentences(lang)
    figure = range_figure(points, suggestion, say=say)
    return _write(path, f"{name}: {figure.title}", [figure], say)


def _write(path: Path, title: str, figures: Sequence[Figure], say: Sentences) -> Path:
    template = environment().get_template("figures.html")
    write_text(path, template.render(title=title, figures=figures, say=say))
    return path
