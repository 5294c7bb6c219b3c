"""Metrics of the order that scores put samples in: area under the ROC curve, average precision.

With two classes the ROC area is that of the second class (the first one's is the same); otherwise
it is the mean over classes, one against the rest. Average precision, which is not symmetric, is
the mean over classes in both cases. Classes that do not occur in the truth, or are all of it,
have no value and are left out of the mean; with none left the metric is NaN.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from phoropter.core.predictions import ClassPredictions
from phoropter.metrics.function import Floats, MetricFunction, Weighted, mean_of_defined, ratio
from phoropter.metrics.tallies import Grouping

RANKING = ("roc_auc", "average_precision")
"""The names of these metrics."""


class Runs:
    """One class's samples in falling order of its score, cut into runs of equal weight in the sum.

    Neighbours of one label are one run as long as no other label shares their scores. Where it
    does, the positives of that score are a run and its negatives the next.

    Args:
        scores: Shape (n,).
        positive: Which samples are of the class, shape (n,).
        keep_scores: Whether positives of different scores stay apart.
    """

    def __init__(self, scores: Floats, positive: NDArray[np.bool_], *, keep_scores: bool) -> None:
        order = np.lexsort((~positive, -scores))
        falling, label = scores[order], positive[order]
        score_changes = _changes(falling)
        group = np.cumsum(score_changes) - 1
        share = np.bincount(group, weights=label) / np.bincount(group)
        mixed = ((share > 0) & (share < 1))[group]
        apart = mixed | np.r_[False, mixed[:-1]]
        if keep_scores:
            apart |= label
        starts = _changes(label) | (score_changes & apart)
        run_of_sample = np.empty(len(scores), dtype=np.int64)
        run_of_sample[order] = np.cumsum(starts) - 1
        self.grouping = Grouping(run_of_sample, int(starts.sum()))
        self.positive = np.flatnonzero(label[starts])
        # Among the runs of positives, those whose score the next run of negatives shares.
        self.tied = np.flatnonzero((mixed & label)[starts][self.positive])


def area_under_roc(runs: Runs, columns: Floats) -> Floats:
    """Chance that a positive outranks a negative, ties counting half, from weights (n, b)."""
    weights = runs.grouping.sums_of_rows(columns)
    negatives = weights.copy()
    negatives[runs.positive] = 0.0
    reached = np.cumsum(negatives, axis=0)
    total = reached[-1]
    below = total - reached[runs.positive]
    below[runs.tied] -= negatives[runs.positive[runs.tied] + 1] / 2
    positives = weights[runs.positive]
    return ratio(np.einsum("rb,rb->b", positives, below), positives.sum(axis=0) * total)


def average_of_precision(runs: Runs, columns: Floats) -> Floats:
    """Precision at each score, averaged over the positives found there, from weights (n, b)."""
    weights = runs.grouping.sums_of_rows(columns)
    positives = weights[runs.positive]
    ends = runs.positive.copy()
    ends[runs.tied] += 1
    everyone = np.cumsum(weights, axis=0)[ends]
    precision = ratio(np.cumsum(positives, axis=0), everyone, undefined=0.0)
    return ratio(np.einsum("rb,rb->b", positives, precision), positives.sum(axis=0))


def _mean_over(runs: Sequence[Runs], statistic: Callable[[Runs, Floats], Floats]) -> Weighted:
    def compute(weights: Floats) -> Floats:
        columns = np.ascontiguousarray(weights.T)
        by_class = np.full((max(len(runs), 1), len(weights)), np.nan)
        for row, item in enumerate(runs):
            by_class[row] = statistic(item, columns)
        return mean_of_defined(by_class.T, ~np.isnan(by_class.T))

    return compute


def _runs(
    predictions: ClassPredictions, classes: Iterable[int], *, keep_scores: bool
) -> list[Runs]:
    return [
        Runs(predictions.probabilities[:, index], positive, keep_scores=keep_scores)
        for index in classes
        if (positive := predictions.truth == index).any()
    ]


def _roc_auc(predictions: ClassPredictions) -> Weighted:
    count = len(predictions.classes)
    classes = [1] if count == 2 else range(count)
    return _mean_over(_runs(predictions, classes, keep_scores=False), area_under_roc)


def _contributions_to_roc_auc(predictions: ClassPredictions) -> Weighted:
    count = len(predictions.classes)
    classes = [1] if count == 2 else range(count)
    by_class = [
        _contributions_to_area(predictions.probabilities[:, index], predictions.truth == index)
        for index in classes
    ]

    def compute(weights: Floats) -> Floats:
        columns = np.ascontiguousarray(weights.T)
        of_classes = np.stack([one(columns).T for one in by_class], axis=-1)
        return mean_of_defined(of_classes, ~np.isnan(of_classes))

    return compute


def _contributions_to_area(
    scores: Floats, positive: NDArray[np.bool_]
) -> Callable[[Floats], Floats]:
    """Derivative of the area by each sample's share, from weights (n, b) to (n, b).

    A sample's share of the other label that it is on the right side of, less the area, over the
    share of its own label: DeLong, DeLong and Clarke-Pearson, "Comparing the areas under two or
    more correlated receiver operating characteristic curves", Biometrics 44, 1988. NaN where one
    label alone occurs.
    """
    order = np.argsort(scores, kind="stable")
    first, after = (np.searchsorted(scores[order], scores, side=side) for side in ("left", "right"))
    own = positive[:, None]

    def lower(weights: Floats) -> Floats:
        """Weight of the lower scores and half of the equal ones, shape (n + 1, b); last: of all."""
        reached = np.concatenate([np.zeros((1, weights.shape[1])), weights[order].cumsum(axis=0)])
        return np.concatenate([(reached[first] + reached[after]) / 2, reached[-1:]])

    def compute(columns: Floats) -> Floats:
        of_positives, of_negatives = lower(columns * own), lower(columns * ~own)
        positives, negatives = of_positives[-1:], of_negatives[-1:]
        below, above = of_negatives[:-1], positives - of_positives[:-1]
        right = ratio(np.where(own, below, above), np.where(own, negatives, positives))
        area = ratio((columns * own * right).sum(axis=0, keepdims=True), positives)
        return ratio((right - area) * (positives + negatives), np.where(own, positives, negatives))

    return compute


def _average_precision(predictions: ClassPredictions) -> Weighted:
    classes = range(len(predictions.classes))
    return _mean_over(_runs(predictions, classes, keep_scores=True), average_of_precision)


def _changes(values: NDArray[Any]) -> NDArray[np.bool_]:
    """Where a new run of equal values starts, shape (n,)."""
    return np.concatenate([[True], values[1:] != values[:-1]])


roc_auc = MetricFunction(
    "roc_auc",
    "classes",
    True,
    (0.0, 1.0),
    _roc_auc,
    contributions=_contributions_to_roc_auc,
)
average_precision = MetricFunction(
    "average_precision", "classes", True, (0.0, 1.0), _average_precision
)
