"""Numbers from predictions and truth, each with an interval (numpy only)."""

from __future__ import annotations

from phoropter.core.registry import load, names
from phoropter.metrics.function import MetricFunction

GROUP = "phoropter.metrics"


def named(name: str) -> MetricFunction:
    """The metric registered as `name`.

    Raises:
        UsageError: If there is none; names the nearest one.

    >>> named("accuracy").greater_is_better
    True
    """
    metric: MetricFunction = load(GROUP, name)
    return metric


def registry_names(kind: str) -> tuple[str, ...]:
    """The sorted names of all metrics for "classes" or for "values".

    >>> "rmse" in registry_names("values"), "rmse" in registry_names("classes")
    (True, False)
    """
    return tuple(name for name in names(GROUP) if named(name).kind == kind)
