"""Counts of hits, true and predicted samples of each class, for any weighting of the samples."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from phoropter.core.predictions import ClassPredictions
from phoropter.metrics.function import Floats


class Grouping:
    """Sums the columns of a weight matrix by group, each times a value of its own.

    A product with a sparse matrix of ones gathers and sums in one pass; measured, it is seven
    times as fast as sorting the columns and summing runs of them.

    Args:
        groups: Group of each column, shape (n,), in [0, count).
        count: Number of groups.
        values: What each column counts, shape (n,); ones unless given.

    >>> Grouping(np.array([2, 0, 2]), 3).sums(np.array([[1.0, 5.0, 10.0]])).tolist()
    [[5.0, 0.0, 11.0]]
    """

    def __init__(self, groups: NDArray[np.int64], count: int, values: Floats | None = None) -> None:
        samples = len(groups)
        counted = np.ones(samples) if values is None else values
        self.matrix = csr_array((counted, (groups, np.arange(samples))), (count, samples))

    def sums(self, weights: Floats) -> Floats:
        """Weights (b, n) summed by group, shape (b, count)."""
        return self.sums_of_rows(np.ascontiguousarray(weights.T)).T

    def sums_of_rows(self, columns: Floats) -> Floats:
        """The same for a transposed table: (n, b) summed to (count, b)."""
        return np.asarray(self.matrix @ columns)


@dataclass(frozen=True, slots=True, eq=False)
class Tallies:
    """What every metric of the most probable class is made of.

    Args:
        hits: Weight of the samples of class j that were called j, shape (b, k).
        actual: Weight of the samples of class j, shape (b, k).
        predicted: Weight of the samples that were called j, shape (b, k).
    """

    hits: Floats
    actual: Floats
    predicted: Floats

    @property
    def total(self) -> Floats:
        """Weight of all samples, shape (b, 1)."""
        return np.asarray(self.actual.sum(axis=1, keepdims=True))


class Counter:
    """Makes tallies of the same predictions under many weightings.

    Works on the pairs (true, predicted) that occur: at most n, never k squared of them.
    """

    def __init__(self, predictions: ClassPredictions) -> None:
        classes = len(predictions.classes)
        pairs, inverse = np.unique(
            predictions.truth * classes + predictions.predicted, return_inverse=True
        )
        truth, predicted = np.divmod(pairs, classes)
        self.pairs = Grouping(np.asarray(inverse.reshape(-1), dtype=np.int64), len(pairs))
        self.by_truth = Grouping(truth, classes)
        self.by_predicted = Grouping(predicted, classes)
        self.right = np.flatnonzero(truth == predicted)
        self.right_class = truth[self.right]

    def tallies(self, weights: Floats) -> Tallies:
        """The counts for weights (b, n)."""
        cells = self.pairs.sums(weights)
        actual = self.by_truth.sums(cells)
        hits = np.zeros_like(actual)
        hits[:, self.right_class] = cells[:, self.right]
        return Tallies(hits=hits, actual=actual, predicted=self.by_predicted.sums(cells))


def confusion(predictions: ClassPredictions) -> NDArray[np.int64]:
    """Counts of (true class, predicted class), shape (k, k); rows are the truth.

    Samples of unknown truth are left out.

    >>> import numpy as np
    >>> table = ClassPredictions(
    ...     np.array(["a", "b"]), np.array([0, 1]), np.array([[0.9, 0.1], [0.8, 0.2]]), ("x", "y")
    ... )
    >>> confusion(table).tolist()
    [[1, 0], [1, 0]]
    """
    classes = len(predictions.classes)
    known = predictions.truth >= 0
    cells = predictions.truth[known] * classes + predictions.predicted[known]
    return np.bincount(cells, minlength=classes * classes).reshape(classes, classes)
