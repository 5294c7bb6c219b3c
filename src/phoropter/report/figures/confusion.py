"""Which class is taken for which."""

from __future__ import annotations

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from phoropter.core.predictions import ClassPredictions
from phoropter.report.figure import Figure, Table
from phoropter.report.numbers import fraction, number
from phoropter.report.sentences import Sentences
from phoropter.report.svg import drawing, element, join, titled

MOST_CLASSES = 24
_LABEL = 110.0
_SIDE = 440.0
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
    cell = min(56.0, (_SIDE - _LABEL - 10) / len(names))
    grid = cell * len(names)
    parts = [_cells(counts, names, cell), _names(names, cell, say)]
    title = say("confusion-matrix")
    rows = [[name, *map(number, counts[i].tolist())] for i, name in enumerate(names)]
    return Figure(
        title=title,
        drawing=drawing(join(parts), width=_LABEL + grid + 10, height=_LABEL + grid, label=title),
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


def _cells(counts: NDArray[np.int64], names: tuple[str, ...], cell: float) -> Markup:
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    parts = []
    for i, truth in enumerate(names):
        for j, predicted in enumerate(names):
            count, share = int(counts[i, j]), float(shares[i, j])
            x, y = _LABEL + j * cell, _LABEL + i * cell
            said = f"{truth} → {predicted}: {number(count)} ({number(share)})"
            css = "hit" if i == j else "miss"
            box = {"x": x, "y": y, "width": cell - 1, "height": cell - 1, "class_": f"cell {css}"}
            parts.append(
                titled("rect", said, **box, fill_opacity=0.06 + 0.94 * share if count else 0.04)
            )
            if count and cell >= 16:
                parts.append(
                    element(
                        "text",
                        number(count),
                        x=x + cell / 2,
                        y=y + cell / 2 + 4,
                        text_anchor="middle",
                        class_="on" if share > 0.5 else None,
                    )
                )
    return join(parts)


def _names(names: tuple[str, ...], cell: float, say: Sentences) -> Markup:
    parts = [
        element("text", f"{say('truth')} ↓", x=0, y=_LABEL - 8, class_="name"),
        element("text", f"{say('prediction')} →", x=0, y=12, class_="name"),
    ]
    for index, name in enumerate(names):
        short = name if len(name) <= 15 else f"{name[:14]}…"
        at = _LABEL + (index + 0.5) * cell
        turn = f"rotate(-50 {at:.1f} {_LABEL - 8:.1f})"
        parts += [
            element("text", short, x=_LABEL - 8, y=at + 4, text_anchor="end"),
            element("text", short, x=at, y=_LABEL - 8, transform=turn),
        ]
    return join(parts)
