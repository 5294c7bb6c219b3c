"""Metrics of the most probable class: shares of hits, precision, recall, F and Matthews.

Definitions and conventions are scikit-learn's. Averages "macro" and "weighted" run over the classes
that occur in the truth or among the predictions; a class that is never predicted has precision 0
there, one that is absent from the truth has recall 0.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from phoropter.core.predictions import ClassPredictions
from phoropter.metrics.function import Floats, MetricFunction, Weighted, mean_of_defined, ratio
from phoropter.metrics.scores import contributions_to_mean
from phoropter.metrics.tallies import Counter, Tallies

UNIT = (0.0, 1.0)
Average = Callable[[Floats, Tallies], Floats]


def macro(of_class: Floats, tallies: Tallies) -> Floats:
    """The plain mean over the classes that occur, shape (b,)."""
    return mean_of_defined(of_class, tallies.actual + tallies.predicted > 0)


def weighted(of_class: Floats, tallies: Tallies) -> Floats:
    """The mean over classes weighted by their number of true samples, shape (b,)."""
    return ratio((of_class * tallies.actual).sum(axis=1), tallies.total[:, 0])


def precision_of_class(tallies: Tallies) -> Floats:
    """Share of hits among the samples called class j, shape (b, k)."""
    return ratio(tallies.hits, tallies.predicted, undefined=0.0)


def recall_of_class(tallies: Tallies) -> Floats:
    """Share of hits among the samples of class j, shape (b, k)."""
    return ratio(tallies.hits, tallies.actual, undefined=0.0)


def specificity_of_class(tallies: Tallies) -> Floats:
    """Share of the samples of other classes that were not called class j, shape (b, k)."""
    negatives = tallies.total - tallies.actual
    return ratio(negatives - tallies.predicted + tallies.hits, negatives)


def f_of_class(beta: float) -> Callable[[Tallies], Floats]:
    """F-beta of each class: the harmonic mean in which recall counts beta times as much."""

    def compute(tallies: Tallies) -> Floats:
        squared = beta * beta
        below = squared * tallies.actual + tallies.predicted
        return ratio((1 + squared) * tallies.hits, below, undefined=0.0)

    return compute


def _balanced_accuracy(tallies: Tallies) -> Floats:
    return mean_of_defined(recall_of_class(tallies), tallies.actual > 0)


def _macro_specificity(tallies: Tallies) -> Floats:
    by_class = specificity_of_class(tallies)
    return mean_of_defined(by_class, (tallies.total > tallies.actual) & (tallies.total > 0))


def _matthews(tallies: Tallies) -> Floats:
    """Gorodkin's multi-class correlation; 0 where truth or predictions hold a single class."""
    total = tallies.total[:, 0]
    hits = tallies.hits.sum(axis=1)
    above = hits * total - (tallies.actual * tallies.predicted).sum(axis=1)
    spread_actual = total**2 - (tallies.actual**2).sum(axis=1)
    spread_predicted = total**2 - (tallies.predicted**2).sum(axis=1)
    below = np.sqrt(spread_actual) * np.sqrt(spread_predicted)
    bounded = np.clip(ratio(above, below, undefined=0.0), -1.0, 1.0)  # two roots round apart
    return np.where(total > 0, bounded, np.nan)


def _share_of(hits: Floats) -> Weighted:
    return lambda weights: ratio(weights @ hits, weights.sum(axis=1))


def _right(predictions: ClassPredictions) -> Floats:
    return np.asarray(predictions.predicted == predictions.truth, dtype=np.float64)


def _hits(predictions: ClassPredictions) -> Weighted:
    return _share_of(_right(predictions))


def top_hits(count: int) -> Callable[[ClassPredictions], Weighted]:
    """`prepare` of the share of samples whose class is among the `count` most probable ones."""

    def prepare(predictions: ClassPredictions) -> Weighted:
        rows = np.arange(len(predictions))
        own = predictions.probabilities[rows, predictions.truth][:, None]
        earlier = np.arange(len(predictions.classes)) < predictions.truth[:, None]
        ahead = (predictions.probabilities > own) | ((predictions.probabilities == own) & earlier)
        return _share_of((ahead.sum(axis=1) < count).astype(np.float64))

    return prepare


def counted(statistic: Callable[[Tallies], Floats]) -> Callable[[ClassPredictions], Weighted]:
    """`prepare` of a statistic of the class counts alone."""

    def prepare(predictions: ClassPredictions) -> Weighted:
        counter = Counter(predictions)
        return lambda weights: statistic(counter.tallies(weights))

    return prepare


def averaged(of_class: Callable[[Tallies], Floats], average: Average) -> Callable[..., Weighted]:
    """`prepare` of an average over classes."""
    return counted(lambda tallies: average(of_class(tallies), tallies))


def _metric(
    name: str, prepare: Callable[[ClassPredictions], Weighted], *, reported: bool = True
) -> MetricFunction:
    return MetricFunction(
        name, "classes", True, UNIT, prepare, needs_probabilities=False, reported=reported
    )


accuracy = MetricFunction(
    "accuracy",
    "classes",
    True,
    UNIT,
    _hits,
    needs_probabilities=False,
    contributions=lambda predictions: contributions_to_mean(_right(predictions)),
)
top5_accuracy = MetricFunction("top5_accuracy", "classes", True, UNIT, top_hits(5), reported=False)
balanced_accuracy = _metric("balanced_accuracy", counted(_balanced_accuracy))
macro_precision = _metric("macro_precision", averaged(precision_of_class, macro))
macro_recall = _metric("macro_recall", averaged(recall_of_class, macro))
macro_f1 = _metric("macro_f1", averaged(f_of_class(1.0), macro))
macro_f2 = _metric("macro_f2", averaged(f_of_class(2.0), macro), reported=False)
weighted_precision = _metric(
    "weighted_precision", averaged(precision_of_class, weighted), reported=False
)
weighted_recall = _metric("weighted_recall", averaged(recall_of_class, weighted), reported=False)
weighted_f1 = _metric("weighted_f1", averaged(f_of_class(1.0), weighted))
# With one label a sample, micro averages of precision, recall and F are all the share of hits.
micro_precision = _metric("micro_precision", _hits, reported=False)
micro_recall = _metric("micro_recall", _hits, reported=False)
micro_f1 = _metric("micro_f1", _hits, reported=False)
specificity = _metric("specificity", counted(_macro_specificity))
matthews = MetricFunction(
    "matthews", "classes", True, (-1.0, 1.0), counted(_matthews), needs_probabilities=False
)
