"""What the tables of a report say in numbers; computed here, worded elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from phoropter.core.predictions import ClassPredictions
from phoropter.core.records import PARTS, Dataset, Metric, Split
from phoropter.report.content import ReportContent
from phoropter.report.figures.confusion import confusion


@dataclass(frozen=True, slots=True)
class ClassScores:
    """How one class fares.

    Args:
        name: The class.
        samples: Samples of it that were judged.
        predicted: Samples that were taken for it.
        precision: Share of the latter that are right; NaN if there are none.
        recall: Share of the former that were found; NaN if there are none.
        f1: Their harmonic mean; NaN if the class occurs in neither truth nor predictions.
    """

    name: str
    samples: int
    predicted: int
    precision: float
    recall: float
    f1: float


def class_scores(predictions: ClassPredictions) -> tuple[ClassScores, ...]:
    """One row a class, in the order of the classes."""
    counts = confusion(predictions)
    return tuple(
        ClassScores(
            name=name,
            samples=int(counts[i].sum()),
            predicted=int(counts[:, i].sum()),
            precision=_share(int(counts[i, i]), int(counts[:, i].sum())),
            recall=_share(int(counts[i, i]), int(counts[i].sum())),
            f1=_share(2 * int(counts[i, i]), int(counts[i].sum() + counts[:, i].sum())),
        )
        for i, name in enumerate(predictions.classes)
    )


def part_sizes(split: Split) -> Mapping[str, int]:
    """Samples of each part."""
    return {part: split.table.filter(pl.col("part") == part).height for part in PARTS}


def class_counts(dataset: Dataset, split: Split) -> Mapping[str, Mapping[str, int]]:
    """Samples by class and part."""
    return _tallied(_joined(dataset, split), dataset.targets[0])


def label_counts(dataset: Dataset, split: Split) -> Mapping[str, Mapping[str, int]]:
    """Samples by class and part, of several labels each one, of annotated objects the objects.

    Empty where there are no labels at all.
    """
    if dataset.objects is not None:
        parts = split.table.select("id", "part")
        return _tallied(dataset.objects.join(parts, on="id", how="inner"), "label")
    if dataset.task == "multilabel":
        target = dataset.targets[0]
        return _tallied(_joined(dataset, split).explode(target).drop_nulls(target), target)
    return class_counts(dataset, split) if dataset.task == "classification" else {}


def values_by_part(
    dataset: Dataset, split: Split, target: str
) -> Mapping[str, NDArray[np.float64]]:
    """The values of a numeric target by part."""
    joined = _joined(dataset, split)
    return {
        part: joined.filter(pl.col("part") == part)[target].to_numpy().astype(np.float64)
        for part in PARTS
    }


def sides(dataset: Dataset) -> Mapping[str, tuple[int, int, int]]:
    """Least, median and greatest height and width in pixels; empty before indexing."""
    found: dict[str, tuple[int, int, int]] = {}
    for name in ("height", "width"):
        if name in dataset.table.columns and len(dataset):
            column = dataset.table[name].drop_nulls().to_numpy()
            found[name] = (int(column.min()), int(np.median(column)), int(column.max()))
    return found


def tally(dataset: Dataset, column: str) -> Mapping[str, int]:
    """How often each value of a text column occurs, most frequent first."""
    if column not in dataset.table.columns:
        return {}
    counts = dataset.table[column].drop_nulls().value_counts(sort=True)
    return {str(value): int(count) for value, count in counts.iter_rows()}


def primary_of(metrics: tuple[Metric, ...], name: str) -> Metric | None:
    """The metric of that name, or None."""
    return next((metric for metric in metrics if metric.name == name), None)


def best_simple(content: ReportContent) -> tuple[str, Metric] | None:
    """Name and metric of the best simple model of the ladder, or None where there is no ladder."""
    rungs = {name: m for name, m in content.ladder.items() if np.isfinite(m.value)}
    if not rungs:
        return None
    sign = 1.0 if content.greater_is_better else -1.0
    name = max(rungs, key=lambda rung: sign * rungs[rung].value)
    return name, rungs[name]


def simple_model_wins(content: ReportContent) -> bool:
    """Whether the chosen model is a classic one, or no better than the best of the ladder."""
    if content.final.summary.epochs == 0 and content.final.summary.features:
        return True
    best = best_simple(content)
    reached = primary_of(content.final.metrics, content.primary)
    if best is None or reached is None:
        return False
    if content.greater_is_better:
        return best[1].value >= reached.value
    return best[1].value <= reached.value


def _tallied(table: pl.DataFrame, column: str) -> dict[str, dict[str, int]]:
    counts: dict[str, dict[str, int]] = {}
    rows = table.group_by(column, "part").len().sort(column, "part")
    for name, part, count in rows.iter_rows():
        counts.setdefault(str(name), {})[str(part)] = int(count)
    return counts


def _joined(dataset: Dataset, split: Split) -> pl.DataFrame:
    columns = ["id", *dataset.targets]
    parts = split.table.select("id", "part")
    return dataset.table.select(columns).join(parts, on="id", how="inner")


def _share(part: int, whole: int) -> float:
    return part / whole if whole else float("nan")
