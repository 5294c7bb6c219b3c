"""What a metric is: a number for any weighting of the samples.

Intervals, slices and paired tests all ask the same question, "what would the number be if each
sample counted this many times?", so that is the one thing a metric has to answer.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from phoropter.core.errors import UsageError
from phoropter.core.predictions import ClassPredictions, Predictions

Floats = NDArray[np.float64]
Weighted = Callable[[Floats], Floats]

CHUNK_CELLS = 1 << 18  # 2 MB of float64: a chunk of weights stays in the second-level cache


@dataclass(frozen=True, slots=True)
class MetricFunction:
    """One metric, registered under "phoropter.metrics".

    Samples whose truth is unknown are left out. A value that is not defined (no samples, or a
    ranking metric where only one class occurs) is NaN, never an error.

    Args:
        name: The name users and records call it by.
        kind: Kind of predictions it reads: "classes" or "values".
        greater_is_better: Direction.
        range: Least and greatest possible value.
        prepare: Takes predictions without unknown truth, does what is to be done once (sorting,
            counting), and returns a function from weights (b, n), float64, to values (b,). They are
            counts; with `contributions`, they may also be broken.
        needs_probabilities: Whether it reads more than the most probable class. If not, paired
            tests may count samples of one kind together, which is faster.
        reported: Whether it is in the list of metrics of a run unless asked for by name.
        ends: The ends of its 95 % interval, from predictions without unknown truth; None: by the
            bootstrap, which fits all metrics that are not biased on few samples.
        contributions: Like `prepare`, but the function returns the derivative of the metric by each
            sample's share, shape (b, n), whose weighted sum is 0. Where a mean of skewed numbers
            is behind a metric, its interval is studentised by them; None: percentiles will do.
    """

    name: str
    kind: str
    greater_is_better: bool
    range: tuple[float, float]
    prepare: Callable[[Any], Weighted]
    needs_probabilities: bool = True
    reported: bool = True
    ends: Callable[[Any], tuple[float, float]] | None = None
    contributions: Callable[[Any], Weighted] | None = None

    @property
    def best(self) -> float:
        """The value that none is better than; infinite where the range does not end there."""
        return self.range[1] if self.greater_is_better else self.range[0]

    def __call__(self, predictions: Predictions) -> float:
        """The metric's value; NaN where it is not defined.

        Raises:
            UsageError: If the predictions are of another kind.
        """
        known = labelled(predictions)
        if len(known) == 0:
            self.check(predictions)
            return float("nan")
        return float(self.weighted(known)(np.ones((1, len(known))))[0])

    def resampled(self, predictions: Predictions, weights: NDArray[Any]) -> Floats:
        """The values, shape (b,), when sample j counts `weights[i, j]` times; weights (b, n).

        Raises:
            UsageError: If the predictions are of another kind, or the weights of another length.
        """
        if weights.ndim != 2 or weights.shape[1] != len(predictions):
            raise UsageError(
                f"Weights of shape {weights.shape} do not fit {len(predictions)} predictions.",
                hint="Give one row a resample and one column a prediction.",
            )
        rows = np.flatnonzero(known_rows(predictions))
        if len(rows) < len(predictions):
            predictions, weights = predictions.take(rows), weights[:, rows]
        self.check(predictions)
        if len(rows) == 0:
            return np.full(len(weights), np.nan)
        compute = self.weighted(predictions)
        pieces = [compute(np.asarray(piece, dtype=np.float64)) for piece in _pieces(weights)]
        return np.concatenate(pieces) if pieces else np.empty(0)

    def weighted(self, predictions: Predictions) -> Weighted:
        """The metric of these predictions (truth known) as a function of weights (b, n)."""
        self.check(predictions)
        return self.prepare(predictions)

    def check(self, predictions: Predictions) -> None:
        """Raises UsageError if the predictions are not of the metric's kind."""
        if predictions.kind != self.kind:
            raise UsageError(
                f"The metric {self.name!r} is for {self.kind}, the predictions are "
                f"{predictions.kind}.",
                hint="Choose a metric of the task at hand.",
            )


def metric(
    kind: str,
    *,
    greater_is_better: bool,
    range: tuple[float, float] = (-math.inf, math.inf),  # noqa: A002 - the record's word for it
) -> Callable[[Callable[[Any], float]], MetricFunction]:
    """Makes a metric of a function of predictions; slow, the function is called once a resample.

    >>> import numpy as np
    >>> from phoropter.core.predictions import ValuePredictions
    >>> @metric("values", greater_is_better=False, range=(0.0, math.inf))
    ... def worst_error(predictions):
    ...     return float(abs(predictions.values - predictions.truth).max())
    >>> worst_error(ValuePredictions(np.array(["a"]), np.array([[1.0]]), np.array([[3.0]]), ("x",)))
    2.0

    Args:
        kind: "classes" (the function gets `ClassPredictions`) or "values" (`ValuePredictions`).
        greater_is_better: Direction.
        range: Least and greatest possible value.
    """

    def made(function: Callable[[Any], float]) -> MetricFunction:
        return MetricFunction(
            name=function.__name__,
            kind=kind,
            greater_is_better=greater_is_better,
            range=range,
            prepare=plain(function),
        )

    return made


def plain(function: Callable[[Any], float]) -> Callable[[Any], Weighted]:
    """A metric's `prepare` from a function of predictions alone; slow, one call a resample.

    >>> import numpy as np
    >>> from phoropter.core.predictions import ValuePredictions
    >>> worst = MetricFunction(
    ...     name="worst_error", kind="values", greater_is_better=False, range=(0.0, float("inf")),
    ...     prepare=plain(lambda p: float(abs(p.values - p.truth).max())),
    ... )
    >>> worst(ValuePredictions(np.array(["a"]), np.array([[1.0]]), np.array([[3.0]]), ("x",)))
    2.0
    """

    def prepare(predictions: Predictions) -> Weighted:
        rows = np.arange(len(predictions))

        def compute(weights: Floats) -> Floats:
            values = [
                float(function(predictions.take(np.repeat(rows, row.astype(np.int64)))))
                if row.any()
                else np.nan
                for row in weights
            ]
            return np.array(values, dtype=np.float64)

        return compute

    return prepare


def known_rows(predictions: Predictions) -> NDArray[np.bool_]:
    """Which samples have a known truth, shape (n,); all numbers of a sample must be known."""
    if isinstance(predictions, ClassPredictions):
        return np.asarray(predictions.truth >= 0)
    return np.asarray(~np.isnan(predictions.truth).any(axis=1))


def labelled(predictions: Predictions) -> Predictions:
    """The predictions whose truth is known."""
    known = known_rows(predictions)
    return predictions if known.all() else predictions.take(np.flatnonzero(known))


def chunks(count: int, width: int) -> Iterator[int]:
    """Sizes that sum to `count`, each small enough that (size, width) numbers stay in the cache.

    >>> list(chunks(5, CHUNK_CELLS // 2))
    [2, 2, 1]
    """
    step = max(1, CHUNK_CELLS // max(width, 1))
    for start in range(0, count, step):
        yield min(step, count - start)


def ratio(numerator: Floats, denominator: Floats, *, undefined: float = np.nan) -> Floats:
    """Elementwise quotient; `undefined` where the denominator is zero.

    >>> ratio(np.array([1.0, 0.0]), np.array([2.0, 0.0]), undefined=0.0).tolist()
    [0.5, 0.0]
    """
    numerator, denominator = np.broadcast_arrays(numerator, denominator)
    result = np.full(numerator.shape, undefined)
    np.divide(numerator, denominator, out=result, where=denominator != 0)
    return result


def mean_of_defined(values: Floats, defined: NDArray[np.bool_]) -> Floats:
    """Mean over the last axis of the entries that are defined; NaN where none is.

    >>> mean_of_defined(np.array([[1.0, 3.0, 9.0]]), np.array([[True, True, False]])).tolist()
    [2.0]
    """
    total = np.where(defined, values, 0.0).sum(axis=-1)
    return ratio(total, defined.sum(axis=-1).astype(np.float64))


def _pieces(weights: NDArray[Any]) -> Iterator[NDArray[Any]]:
    start = 0
    for size in chunks(*weights.shape):
        yield weights[start : start + size]
        start += size
