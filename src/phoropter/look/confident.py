"""Confident learning: which given labels the other samples contradict, and what they would say.

Source: Northcutt, Jiang and Chuang, "Confident learning: estimating uncertainty in dataset labels",
Journal of Artificial Intelligence Research 70, 2021. Classes are numbered from 0 to k - 1.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Labels = NDArray[np.int64]
Probabilities = NDArray[np.float64]

_TIE = 1e-6
"""A probability this little below its threshold has reached it: rounding must not decide."""


def thresholds(labels: Labels, probabilities: Probabilities) -> NDArray[np.float64]:
    """Mean probability of each class among the samples labelled with it, shape (k,); 1 if none are.

    >>> thresholds(np.array([0, 0, 1]), np.array([[0.9, 0.1], [0.7, 0.3], [0.4, 0.6]])).tolist()
    [0.8, 0.6]
    """
    own = probabilities[np.arange(len(labels)), labels]
    classes = probabilities.shape[1]
    counts = np.bincount(labels, minlength=classes)
    sums = np.bincount(labels, own, minlength=classes)
    return np.where(counts > 0, sums / np.maximum(counts, 1), 1.0)


def joint(labels: Labels, probabilities: Probabilities) -> NDArray[np.float64]:
    """Estimated share of samples by given label (row) and true label (column), shape (k, k).

    A sample counts for the most probable of the classes whose threshold it reaches. The counts of
    a row are scaled to the number of samples that carry its label.
    """
    classes = probabilities.shape[1]
    reached = probabilities >= thresholds(labels, probabilities) - _TIE
    confident = reached.any(axis=1)
    likely = np.where(reached, probabilities, -1.0).argmax(axis=1)
    counts = np.zeros((classes, classes))
    np.add.at(counts, (labels[confident], likely[confident]), 1.0)
    given = np.bincount(labels, minlength=classes).astype(np.float64)
    empty = counts.sum(axis=1) == 0
    counts[empty, empty] = 1.0
    counts *= (given / counts.sum(axis=1))[:, None]
    return np.asarray(counts / len(labels))


def contradicted(labels: Labels, probabilities: Probabilities) -> NDArray[np.int64]:
    """Positions of the labels that are likely wrong, the most contradicted first.

    For each pair of classes as many samples are taken as the joint says carry the first label and
    are of the second class, those with the largest margin between the two ("prune by noise rate").
    Samples whose own label is the most probable one are left out, and each class keeps one sample.

    Args:
        labels: Given ones, shape (n,).
        probabilities: Out of fold, shape (n, k).
    """
    if not len(labels):
        return np.zeros(0, dtype=np.int64)
    counts = np.rint(joint(labels, probabilities) * len(labels)).astype(np.int64)
    chosen = np.zeros(len(labels), dtype=bool)
    for given in range(probabilities.shape[1]):
        rows = np.flatnonzero(labels == given)
        margins = probabilities[rows] - probabilities[rows, given][:, None]
        for other in np.flatnonzero(counts[given]):
            if other != given:
                order = np.argsort(-margins[:, other], kind="stable")
                chosen[rows[order[: counts[given, other]]]] = True
    chosen &= probabilities.argmax(axis=1) != labels
    rows = np.flatnonzero(chosen)
    return np.asarray(rows[np.argsort(_own_margin(labels, probabilities)[rows], kind="stable")])


def _own_margin(labels: Labels, probabilities: Probabilities) -> NDArray[np.float64]:
    """Probability of the given label less that of the likeliest class, shape (n,), at most 0."""
    own = probabilities[np.arange(len(labels)), labels]
    return np.asarray(own - probabilities.max(axis=1))
