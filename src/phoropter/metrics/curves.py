"""What every threshold would give: the ROC curve and the precision-recall curve of one class."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from phoropter.metrics.function import Floats


@dataclass(frozen=True, slots=True, eq=False)
class ThresholdCurve:
    """Rates at each threshold, from above all scores down to the lowest score, shape (m + 1,).

    Args:
        thresholds: Distinct scores in falling order, infinity first.
        recall: Share of the positives with at least that score (the true positive rate).
        false_alarms: Share of the negatives with at least that score (the false positive rate).
        precision: Share of positives among the samples with at least that score; 1 where none has.
    """

    thresholds: Floats
    recall: Floats
    false_alarms: Floats
    precision: Floats


def threshold_curve(scores: Floats, positive: NDArray[np.bool_]) -> ThresholdCurve:
    """The curve of one class; NaN where there are no positives, or no negatives.

    >>> curve = threshold_curve(np.array([0.9, 0.8, 0.1]), np.array([True, False, True]))
    >>> curve.recall.tolist(), curve.false_alarms.tolist()
    ([0.0, 0.5, 0.5, 1.0], [0.0, 0.0, 1.0, 1.0])

    Args:
        scores: Shape (n,).
        positive: Which samples are of the class, shape (n,).
    """
    order = np.argsort(-scores, kind="stable")
    falling = scores[order]
    last = np.ones(len(scores), dtype=np.bool_)
    last[:-1] = falling[1:] != falling[:-1]
    hits = np.concatenate([[0], np.cumsum(positive[order])[last]])
    named = np.concatenate([[0], np.flatnonzero(last) + 1])
    count = int(positive.sum())
    with np.errstate(invalid="ignore"):
        return ThresholdCurve(
            thresholds=np.concatenate([[np.inf], falling[last]]),
            recall=hits / np.float64(count),
            false_alarms=(named - hits) / np.float64(len(scores) - count),
            precision=np.where(named > 0, hits / np.maximum(named, 1), 1.0),
        )
