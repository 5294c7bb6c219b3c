"""Slices on which a model is worse than on the rest by more than having looked at many explains.

Of forty slices without any weakness two look weak at the usual 5 %. All slices are therefore tested
together: the losses are shuffled over the samples, and a slice is weak only if its excess loss is
larger than the largest excess of *any* slice in 95 % of the shuffles (Westfall & Young 1993,
"Resampling-Based Multiple Testing", single-step maxT). So overlap of the slices is allowed for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from phoropter.core.decoding import cost_matrix, read_costs
from phoropter.core.predictions import ClassPredictions, Predictions
from phoropter.core.run_records import SliceScore
from phoropter.core.seed import generator
from phoropter.metrics import named
from phoropter.metrics.evaluate import evaluate
from phoropter.metrics.function import Floats, chunks, known_rows
from phoropter.metrics.regression import absolute_errors
from phoropter.metrics.slices import MOST_SLICES, groups_of

LEAST_SAMPLES = 10  # of a slice; fewer say nothing
LEVEL = 0.05
SHUFFLES = 2000
CLASS = "class"


def slice_metric(predictions: Predictions, primary: str) -> str:
    """What slices are judged by: a mean over samples, so that a slice of one class has it too.

    >>> empty = ClassPredictions(np.array([]), np.array([], int), np.zeros((0, 2)), ("x", "y"))
    >>> slice_metric(empty, "macro_f1")
    'accuracy'
    """
    if isinstance(predictions, ClassPredictions):
        return primary if primary.startswith("cost(") else "accuracy"
    return "mae"


def slice_scores(
    predictions: Predictions,
    columns: Mapping[str, Sequence[Any] | NDArray[Any]],
    *,
    primary: str,
    seed: int = 0,
) -> tuple[SliceScore, ...]:
    """Every slice of ten samples or more, the weak ones first, then from bad to good.

    Args:
        predictions: Samples of unknown truth are left out.
        columns: One value a prediction; numbers are cut into quarters, and a column of words with
            more than 12 of them makes no slices, unless it is called "class".
        primary: Name of the primary metric (see `slice_metric`).
        seed: Of the shuffles and of the intervals.
    """
    name = slice_metric(predictions, primary)
    metric = named(name)
    slices = [
        (column, value, rows)
        for column, values in columns.items()
        for value, rows in _slices(column, np.asarray(values), predictions)
    ]
    if not slices:
        return ()
    sign = -1.0 if metric.greater_is_better else 1.0
    found = [rows for _, _, rows in slices]
    p_values = corrected_p(_badness(predictions, name), found, seed=seed)
    scores = [
        SliceScore(
            column,
            value,
            evaluate(predictions.take(rows), names=[name], seed=seed)[0],
            float(p_value),
            bool(p_value <= LEVEL),
        )
        for (column, value, rows), p_value in zip(slices, p_values, strict=True)
    ]
    return tuple(sorted(scores, key=lambda item: (not item.weak, sign * -item.metric.value)))


def corrected_p(badness: Floats, slices: Sequence[NDArray[np.int64]], *, seed: int) -> Floats:
    """Chance that the largest excess of any slice is as large as each one's, shape (slices,).

    Args:
        badness: Loss of each sample, shape (n,); NaN where the truth is unknown.
        slices: Positions of each slice's samples, all of them known.
        seed: Of the shuffles.
    """
    known = np.flatnonzero(~np.isnan(badness))
    place = np.full(len(badness), -1)
    place[known] = np.arange(len(known))
    loss = badness[known] - badness[known].mean()
    sizes = np.array([len(rows) for rows in slices], dtype=np.float64)
    spread = np.sqrt(loss.var() * sizes * (1 - sizes / len(known)))
    member = csr_array(
        (
            np.ones(int(sizes.sum())),
            (
                np.repeat(np.arange(len(slices)), sizes.astype(np.int64)),
                place[np.concatenate(slices)],
            ),
        ),
        (len(slices), len(known)),
    )
    if not loss.any() or not spread.all():
        return np.ones(len(slices))
    excess = (member @ loss) / spread
    draws = generator(seed, "slices")
    reached = np.ones(len(slices))
    for count in chunks(SHUFFLES, len(known)):
        shuffled = draws.permuted(np.tile(loss, (count, 1)), axis=1)
        largest = ((member @ shuffled.T) / spread[:, None]).max(axis=0)
        # Equal sums may differ in the last bit, as they are added in another order.
        reached += (largest[None, :] >= excess[:, None] - 1e-9).sum(axis=1)
    return np.asarray(reached / (1 + SHUFFLES))


def _badness(predictions: Predictions, name: str) -> Floats:
    """What each sample adds to the metric, shape (n,), more is worse; NaN of unknown truth."""
    if not isinstance(predictions, ClassPredictions):
        return np.asarray(absolute_errors(predictions).mean(axis=1))
    classes = predictions.classes
    costs = read_costs(name[len("cost(") : -1]) if name != "accuracy" else ()
    matrix = np.asarray(cost_matrix(costs, classes))
    known = predictions.truth >= 0
    cost = matrix[np.where(known, predictions.truth, 0), predictions.predicted]
    return np.where(known, cost, np.nan)


def _slices(
    column: str, values: NDArray[Any], predictions: Predictions
) -> Iterator[tuple[str, NDArray[np.int64]]]:
    """The slices of one column that are large enough, and not everything."""
    known = known_rows(predictions)
    groups = groups_of(values)
    if len(groups) > MOST_SLICES and column != CLASS:
        return
    for value, rows in groups:
        kept = rows[known[rows]]
        if LEAST_SAMPLES <= len(kept) < known.sum():
            yield value, kept
