"""Numbers from predictions and truth, each with an interval (numpy only)."""

from __future__ import annotations

from phoropter.core.errors import BrokenContractError
from phoropter.core.registry import load, names
from phoropter.metrics.expressions import expressed, is_expression
from phoropter.metrics.function import MetricFunction

GROUP = "phoropter.metrics"


def named(name: str) -> MetricFunction:
    """The metric registered as `name`, one of a class or of costs, or the user's own.

    `recall(ill)` and `cost(ill>well=10)` are made by `metrics.expressions`, `file.py:name` is the
    user's.

    Raises:
        UsageError: If there is none; names the nearest one.
        BrokenContractError: If what `name` refers to is no metric.

    >>> named("accuracy").greater_is_better
    True
    """
    if is_expression(name):
        return expressed(name)
    metric = load(GROUP, name)
    if not isinstance(metric, MetricFunction):
        raise BrokenContractError(
            f"The metric {name!r} is a {type(metric).__name__}, which does not say for what "
            "predictions it is and whether more of it is better.",
            hint='Write @metric("classes", greater_is_better=True) above the function '
            "(from phoropter.metrics.function import metric).",
        )
    return metric


def registry_names(kind: str) -> tuple[str, ...]:
    """The sorted names of all metrics for "classes" or for "values".

    >>> "rmse" in registry_names("values"), "rmse" in registry_names("classes")
    (True, False)
    """
    return tuple(name for name in names(GROUP) if named(name).kind == kind)
