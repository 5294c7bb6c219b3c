"""Which class is taken for which."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from phoropter.core.predictions import ClassPredictions
from phoropter.report.figure import Figure, Table
from phoropter.report.figures.heat import Square, heat_map
from phoropter.report.numbers import fraction, number
from phoropter.report.sentences import Sentences

MOST_CLASSES = 24
_MOST_PAIRS = 15


def confusion(predictions: ClassPredictions) -> NDArray[np.int64]:
    """Counts by true class (rows) and predicted class (columns), shape (k, k).

    Samples whose truth is unknown are left out.
    """
    known = predictions.truth >= 0
    k = len(predictions.classes)
    flat = predictions.truth[known] * k + predictions.predicted[known]
    return np.bincount(flat, minlength=k * k).reshape(k, k)


def confusion_matrix(predictions: ClassPredictions, *, say: Sentences) -> Figure | None:
    """A heat map of the confusion matrix, or None where there are too many classes to see."""
    counts = confusion(predictions)
    names = predictions.classes
    if len(names) > MOST_CLASSES:
        return None
    title = say("confusion-matrix")
    rows = [[name, *map(number, counts[i].tolist())] for i, name in enumerate(names)]
    return Figure(
        title=title,
        drawing=heat_map(
            names,
            _squares(counts, names),
            label=title,
            corner=(f"{say('truth')} ↓", f"{say('prediction')} →"),
        ),
        numbers=Table([say("truth-by-prediction"), *names], rows),
        note=say("confusion-note"),
    )


def confused_pairs(predictions: ClassPredictions, *, say: Sentences) -> Table:
    """The most frequent mistakes, as rows (true class, predicted class, samples, share)."""
    counts = confusion(predictions)
    totals = counts.sum(axis=1)
    wrong = counts.copy()
    np.fill_diagonal(wrong, 0)
    order = np.argsort(-wrong, axis=None, kind="stable")[:_MOST_PAIRS]
    pairs = [(int(i), int(j)) for i, j in zip(*np.unravel_index(order, wrong.shape), strict=True)]
    names = predictions.classes
    rows = [
        [names[i], names[j], number(int(wrong[i, j])), fraction(float(wrong[i, j] / totals[i]))]
        for i, j in pairs
        if wrong[i, j]
    ]
    return Table([say("truth"), say("prediction"), say("samples"), say("share")], rows)


def _squares(counts: NDArray[np.int64], names: tuple[str, ...]) -> list[list[Square]]:
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    return [
        [
            Square(
                shade=0.06 + 0.94 * float(shares[i, j]) if counts[i, j] else 0.04,
                css="hit" if i == j else "miss",
                text=number(int(counts[i, j])) if counts[i, j] else "",
                said=f"{truth} → {predicted}: {number(int(counts[i, j]))} "
                f"({number(float(shares[i, j]))})",
            )
            for j, predicted in enumerate(names)
        ]
        for i, truth in enumerate(names)
    ]
