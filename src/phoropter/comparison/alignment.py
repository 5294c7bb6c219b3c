"""Brings the predictions of two models for the same samples into the same order."""

from __future__ import annotations

from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from phoropter.core.errors import UsageError
from phoropter.core.predictions import ClassPredictions, Predictions
from phoropter.metrics.function import known_rows


def aligned(a: Predictions, b: Predictions) -> tuple[Predictions, Predictions]:
    """Both predictions in the order of `a`, without the samples whose truth is unknown.

    Raises:
        UsageError: If they are not about the same samples, targets and truth.
    """
    if a.kind != b.kind or _outputs(a) != _outputs(b):
        _refuse(f"they predict different things: {_outputs(a)} and {_outputs(b)}")
    b = b.take(_places(a.ids, b.ids))
    if not np.array_equal(a.truth, b.truth, equal_nan=a.kind == "values"):
        differing = (a.truth != b.truth) & ~((a.truth != a.truth) & (b.truth != b.truth))
        row = int(np.flatnonzero(differing.reshape(len(a), -1).any(axis=1))[0])
        _refuse(f"the truth of {str(a.ids[row])!r} differs")
    rows = np.flatnonzero(known_rows(a))
    return a.take(rows), b.take(rows)


def _places(wanted: NDArray[np.str_], given: NDArray[np.str_]) -> NDArray[np.int64]:
    """Where each wanted id stands among the given ones."""
    if np.array_equal(wanted, given):
        return np.arange(len(given))
    for ids in (wanted, given):
        distinct, counts = np.unique(ids, return_counts=True)
        if len(distinct) < len(ids):
            _refuse(f"{str(distinct[counts.argmax()])!r} occurs {counts.max()} times")
    only = np.setxor1d(wanted, given)
    if len(only):
        side = "first" if only[0] in wanted else "second"
        _refuse(f"{len(only)} samples are in one only, {str(only[0])!r} in the {side}")
    order = np.argsort(given)
    return np.asarray(order[np.searchsorted(given, wanted, sorter=order)], dtype=np.int64)


def _outputs(predictions: Predictions) -> tuple[str, ...]:
    if isinstance(predictions, ClassPredictions):
        return predictions.classes
    return predictions.names


def _refuse(why: str) -> NoReturn:
    raise UsageError(
        f"These predictions cannot be compared: {why}.",
        hint="Compare runs of one project, on the same validation part.",
    )
