"""All metrics of a run, each with its interval."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from phoropter.core.predictions import ClassPredictions, Predictions, ValuePredictions
from phoropter.core.records import Metric
from phoropter.metrics import named, registry_names
from phoropter.metrics.function import known_rows, labelled
from phoropter.metrics.interval import intervals
from phoropter.metrics.ranking import RANKING
from phoropter.metrics.regression import mape_caution

RANKING_CELLS = 2_000_000  # samples x classes; one class's sort and sums cost as much as all counts


def evaluate(
    predictions: Predictions,
    *,
    names: Sequence[str] | None = None,
    resamples: int = 1000,
    seed: int = 0,
) -> tuple[Metric, ...]:
    """Each metric with its 95 % interval and the number of samples with known truth.

    All metrics are drawn on the same resamples. A metric that is not defined is NaN, and so are
    its ends.

    Args:
        predictions: Samples of unknown truth are left out.
        names: Which metrics, in this order; by default what `reported_names` says.
        resamples: Bootstrap draws.
        seed: Of the draws.

    Raises:
        UsageError: If a name is unknown or belongs to the other kind of predictions.

    >>> import numpy as np
    >>> table = ValuePredictions(
    ...     np.array(["a", "b"]), np.array([[1.0], [2.0]]), np.array([[1.5], [2.5]]), ("x",)
    ... )
    >>> evaluate(table, names=["mae"])
    (Metric(name='mae', value=0.5, low=0.5, high=0.5, n=2),)
    """
    metrics = [named(name) for name in (reported_names(predictions) if names is None else names)]
    for metric in metrics:
        metric.check(predictions)
    known = labelled(predictions)
    if not metrics or len(known) == 0:
        return tuple(Metric(item.name, np.nan, np.nan, np.nan, 0) for item in metrics)
    ends = intervals(metrics, known, resamples=resamples, seed=seed)
    return tuple(
        Metric(metric.name, metric(known), low, high, len(known))
        for metric, (low, high) in zip(metrics, ends, strict=True)
    )


def reported_names(predictions: Predictions) -> tuple[str, ...]:
    """The metrics that say something about these predictions, sorted.

    Left out are those that repeat another one, mape where it misleads (see `mape_caution`), and
    ranking metrics beyond two million samples x classes, where they would take minutes.
    """
    names = tuple(name for name in registry_names(predictions.kind) if named(name).reported)
    if isinstance(predictions, ValuePredictions):
        return tuple(name for name in names if name != "mape" or not mape_caution(predictions))
    if _ranking_cells(predictions) > RANKING_CELLS:
        return tuple(name for name in names if name not in RANKING)
    return names


def _ranking_cells(predictions: ClassPredictions) -> int:
    return int(known_rows(predictions).sum()) * len(predictions.classes)
