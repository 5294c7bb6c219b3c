"""One HTML file that tells a project's whole story and loads nothing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from phoropter.core.checklist import STAGES
from phoropter.core.files import write_text
from phoropter.core.predictions import ClassPredictions, ValuePredictions
from phoropter.core.recipe import to_yaml
from phoropter.metrics.evaluate import evaluate
from phoropter.report import facts, numbers
from phoropter.report.conclusion import conclusions, limits, opened_for_others
from phoropter.report.content import ReportContent
from phoropter.report.figure import Figure, Table
from phoropter.report.figures.confusion import confused_pairs, confusion_matrix
from phoropter.report.figures.curves import learning_curves
from phoropter.report.figures.intervals import Bar, interval_chart
from phoropter.report.figures.ranking import ranking_figures
from phoropter.report.figures.reliability import reliability_diagram
from phoropter.report.figures.residuals import value_figures
from phoropter.report.figures.slices import slice_figure
from phoropter.report.pictures import pair_rows, sample_grid, worst_rows
from phoropter.report.sentences import Sentences
from phoropter.report.shell import Section, data_facts, filled

_SECTIONS = (
    Section("data", "h-data", "data.html"),
    Section("split", "h-split", "split.html"),
    Section("ladder", "h-ladder", "ladder.html"),
    Section("steps", "h-steps", "steps.html"),
    Section("final", "h-final", "final.html"),
    Section("mistakes", "h-mistakes", "mistakes.html"),
    Section("test", "h-test", "test.html"),
    Section("limits", "h-limits", "limits.html"),
    Section("checklist", "h-checklist", "checklist.html"),
    Section("again", "h-again", "again.html"),
)


def write_report(content: ReportContent, path: Path, *, lang: str = "en") -> Path:
    """Writes the page, whole or not at all, and returns its path.

    Args:
        content: What it tells.
        path: The HTML file.
        lang: "en" or "ko".

    Raises:
        UsageError: If there is no such language.
        StorageError: If the disk is full or the folder cannot be written.
    """
    write_text(path, render(content, lang=lang))
    return path


def render(content: ReportContent, *, lang: str = "en") -> str:
    """The page as HTML text; see `write_report`."""
    say = Sentences(lang)
    ladder = _ladder(content, say)
    parts = {"ladder": ladder, "checklist": content.checklist}
    empty = {anchor for anchor, part in parts.items() if not part}
    return filled(
        "headline.html",
        [section for section in _SECTIONS if section.anchor not in empty],
        say=say,
        subject="report-of",
        styles=("style.css",),
        c=content,
        ladder=ladder,
        result=facts.primary_of(content.test, content.primary),
        reached=facts.primary_of(content.final.metrics, content.primary),
        conclusions=conclusions(content, say),
        limits=limits(content, say),
        elsewhere=opened_for_others(content, say),
        grid=sample_grid(content.dataset, content.split),
        stages=STAGES,
        recipe=to_yaml(content.final.recipe),
        steps=_steps(content, say),
        curves=_curves(content, say),
        **data_facts(content.dataset, content.split, say),
        **_mistakes(content, say),
    )


def _curves(content: ReportContent, say: Sentences) -> Sequence[Figure]:
    return learning_curves(
        content.final.history,
        content.final.findings,
        metric=content.primary,
        best_epoch=content.final.summary.best_epoch,
        say=say,
    )


def _ladder(content: ReportContent, say: Sentences) -> Figure | None:
    if not content.ladder:
        return None
    bars = [Bar(name, m.value, m.low, m.high) for name, m in content.ladder.items()]
    bars.sort(key=lambda bar: bar.value, reverse=not content.greater_is_better)
    reached = facts.primary_of(content.final.metrics, content.primary)
    if reached is not None:
        name = f"{say('chosen')}: {content.final.recipe.model.name}"
        bars.append(Bar(name, reached.value, reached.low, reached.high, css="val"))
    return interval_chart(bars, title=say("ladder-title"), axis=content.primary, say=say)


def _steps(content: ReportContent, say: Sentences) -> Figure | None:
    bars = [
        Bar(f"{row}. {step.finding}", step.delta, step.low, step.high, css=step.verdict or "plain")
        for row, step in enumerate(content.steps, start=1)
        if step.delta is not None and step.low is not None and step.high is not None
    ]
    if not bars:
        return None
    note = say("steps-good") if content.greater_is_better else say("steps-bad")
    axis = say("steps-axis", metric=content.primary)
    return interval_chart(bars, title=say("steps-title"), axis=axis, say=say, zero=True, note=note)


def _mistakes(content: ReportContent, say: Sentences) -> dict[str, Any]:
    predictions = content.validation
    worst = [_case(content, int(row), say) for row in worst_rows(predictions)]
    slices = _slices(content, say)
    if isinstance(predictions, ValuePredictions):
        figures = [*value_figures(predictions, say=say), *slices]
        return {
            "mistakes": figures,
            "pairs": None,
            "confused": (),
            "by_class": None,
            "worst": worst,
        }
    matrix = confusion_matrix(predictions, say=say)
    figures = [
        *([matrix] if matrix else []),
        reliability_diagram(predictions, say=say),
        *ranking_figures(predictions, say=say),
        *slices,
    ]
    return {
        "mistakes": figures,
        "pairs": confused_pairs(predictions, say=say),
        "confused": [
            (
                say("taken", truth=predictions.classes[truth], said=predictions.classes[said]),
                [_case(content, int(row), say) for row in rows],
            )
            for truth, said, rows in pair_rows(predictions)
        ],
        "by_class": _by_class(content, predictions, say),
        "worst": worst,
    }


def _slices(content: ReportContent, say: Sentences) -> list[Figure]:
    if not content.slices:
        return []
    name = content.slices[0].metric.name
    overall = facts.primary_of(content.final.metrics, name)
    if overall is None:
        overall = evaluate(content.validation, names=[name])[0]
    return [slice_figure(content.slices, overall, say=say)]


def _by_class(content: ReportContent, predictions: ClassPredictions, say: Sentences) -> Table:
    counts = facts.class_counts(content.dataset, content.split)
    keys = ("class", "train", "val", "taken-for", "precision", "recall", "f1")
    rows = [
        [
            row.name,
            numbers.number(counts.get(row.name, {}).get("train", 0)),
            numbers.number(row.samples),
            numbers.number(row.predicted),
            *map(numbers.fraction, (row.precision, row.recall, row.f1)),
        ]
        for row in facts.class_scores(predictions)
    ]
    return Table([say(key) for key in keys], rows)


def _case(content: ReportContent, row: int, say: Sentences) -> dict[str, Any]:
    """One of the worst cases: its identifier and two lines about it."""
    predictions = content.validation
    lines: tuple[str, ...]
    if isinstance(predictions, ValuePredictions):
        lines = tuple(
            f"{name}: {numbers.number(float(predictions.truth[row, i]))} → "
            f"{numbers.number(float(predictions.values[row, i]))}"
            for i, name in enumerate(predictions.names)
        )
    else:
        chances, truth = predictions.probabilities[row], int(predictions.truth[row])
        said = int(predictions.predicted[row])
        lines = (
            say("is", name=predictions.classes[truth]),
            say(
                "said",
                name=predictions.classes[said],
                value=numbers.fraction(float(chances[said])),
            ),
        )
    return {"id": str(predictions.ids[row]), "lines": lines}
