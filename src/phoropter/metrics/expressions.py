"""Metrics that are made by saying what they are about: recall(ill), f2(ill), cost(ill>well=10)."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np

from phoropter.core.decoding import Cost, cost_matrix, read_costs
from phoropter.core.errors import UsageError, nearest
from phoropter.core.predictions import ClassPredictions
from phoropter.metrics.classification import (
    f_of_class,
    precision_of_class,
    recall_of_class,
    specificity_of_class,
)
from phoropter.metrics.function import Floats, MetricFunction, Weighted
from phoropter.metrics.scores import mean_of
from phoropter.metrics.tallies import Counter, Tallies

_FORM = re.compile(r"(precision|recall|specificity|f\d+(?:\.\d+)?|cost)\((.+)\)", re.DOTALL)
_OF_CLASS: dict[str, Callable[[Tallies], Floats]] = {
    "precision": precision_of_class,
    "recall": recall_of_class,
    "specificity": specificity_of_class,
}


def is_expression(name: str) -> bool:
    """Whether a name says what a metric is about.

    >>> is_expression("recall(ill)"), is_expression("macro_recall")
    (True, False)
    """
    return _FORM.fullmatch(name) is not None


def expressed(name: str) -> MetricFunction:
    """The metric that `name` describes.

    `precision`, `recall`, `specificity` and `f1` (or another beta) of one class, in [0, 1], or the
    mean `cost` of an answer, where a right one costs 0 and mistakes that are not listed cost 1.

    Raises:
        UsageError: If the costs are not of the form `ill>well=10, well>ill=1`.

    >>> chances = np.array([[0.4, 0.6], [0.1, 0.9]])
    >>> table = ClassPredictions(np.array(["a", "b"]), np.array([0, 1]), chances, ("ill", "ok"))
    >>> expressed("cost(ill>ok=10)")(table), expressed("recall(ill)")(table)
    (5.0, 0.0)
    """
    found = _FORM.fullmatch(name)
    if found is None:
        raise UsageError(f"{name!r} is no metric of a class.", hint="Example: recall(NAME)")
    kind, about = found[1], found[2]
    if kind == "cost":
        try:
            return _cost(name, read_costs(about))
        except ValueError as error:
            raise UsageError(
                f"The metric {name!r} cannot be read: {error}.",
                hint="Example: cost(ill>well=10, well>ill=1)",
            ) from error
    statistic = _OF_CLASS.get(kind) or f_of_class(float(kind[1:]))
    return MetricFunction(
        name, "classes", True, (0.0, 1.0), _of_class(statistic, about), needs_probabilities=False
    )


def _of_class(
    statistic: Callable[[Tallies], Floats], name: str
) -> Callable[[ClassPredictions], Weighted]:
    def prepare(predictions: ClassPredictions) -> Weighted:
        if name not in predictions.classes:
            raise UsageError(
                f"A metric is asked for of {name!r}, which is none of the classes.",
                hint=nearest(name, predictions.classes),
            )
        place, counter = predictions.classes.index(name), Counter(predictions)
        return lambda weights: statistic(counter.tallies(weights))[:, place]

    return prepare


def _cost(name: str, costs: tuple[Cost, ...]) -> MetricFunction:
    def prepare(predictions: ClassPredictions) -> Weighted:
        matrix = np.asarray(cost_matrix(costs, predictions.classes))
        return mean_of(np.asarray(matrix[predictions.truth, predictions.predicted]))

    most = max([1.0, *(cost for _, _, cost in costs)])
    return MetricFunction(name, "classes", False, (0.0, most), prepare, needs_probabilities=False)
