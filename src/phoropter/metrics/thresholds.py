"""Which class to name: a threshold or a cost matrix, chosen on samples with known truth by a rule.

The rule is stated before (`core.decoding.read_rule`). What was chosen on some samples looks too
good on them; `metrics.decoding` therefore judges each fifth by what the others chose.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv

from phoropter.core.decoding import Decision, Floats, Rule, cost_matrix, read_rule
from phoropter.core.errors import UsageError
from phoropter.core.predictions import ClassPredictions
from phoropter.core.records import TargetSchema
from phoropter.metrics.function import known_rows

CONFIDENCE = 0.95  # that the recall on other samples of the kind is what was asked for


def choose(predictions: ClassPredictions, text: str, positive: str) -> Decision:
    """The decision that the rule `text` leads to on these predictions.

    Args:
        predictions: Samples of unknown truth are left out.
        text: A rule (see `core.decoding.read_rule`).
        positive: The class that a threshold is about; costs do not ask for it.

    Raises:
        UsageError: If a class is unknown, or a recall cannot be warranted by so few samples.

    >>> table = ClassPredictions(
    ...     np.array(["a", "b", "c"]), np.array([1, 0, 0]),
    ...     np.array([[0.7, 0.3], [0.9, 0.1], [0.8, 0.2]]), ("ok", "ill"),
    ... )
    >>> choose(table, "f1", "ill")
    Decision(rule='f1', positive='ill', threshold=0.25, costs=())
    """
    rule = read_rule(text)
    if rule.kind == "cost":
        return Decision(text, costs=cost_matrix(rule.costs, predictions.classes))
    rows = np.flatnonzero(known_rows(predictions))
    at = predictions.classes.index(positive)
    scores, actual = predictions.probabilities[rows, at], predictions.truth[rows] == at
    if rule.kind == "f":
        return Decision(text, positive, best_f_threshold(scores, actual, rule.number))
    return Decision(text, positive, recall_threshold(scores, actual, rule.number))


def best_f_threshold(scores: Floats, actual: NDArray[np.bool_], beta: float) -> float:
    """The threshold of largest F-beta, half-way to the next lower score; 0.5 without positives.

    Every score is tried, in one pass over them in falling order. Of several equally good ones the
    nearest to 0.5 is taken.

    Args:
        scores: Probability of the class, shape (n,).
        actual: Which samples are of it, shape (n,).
        beta: How much more recall counts than precision.
    """
    if not actual.any():
        return 0.5
    order = np.argsort(-scores, kind="stable")
    falling = scores[order]
    ends = np.flatnonzero(np.append(falling[1:] != falling[:-1], True))
    hits = np.cumsum(actual[order])[ends]
    squared = beta * beta
    quality = (1 + squared) * hits / (squared * actual.sum() + ends + 1)
    lower = np.append(falling[ends[1:]], 0.0)
    thresholds = (falling[ends] + lower) / 2
    best = np.flatnonzero(quality >= quality.max() * (1 - 1e-12))
    return float(thresholds[best[np.abs(thresholds[best] - 0.5).argmin()]])


def recall_threshold(scores: Floats, actual: NDArray[np.bool_], recall: float) -> float:
    """The largest threshold whose recall on other samples is at least `recall`, 95 % surely.

    It is a positive's score: with m positives and k of them below it, the share of all positives
    above is beta-distributed with parameters m - k and k + 1, whatever the scores are like (Wilks
    1941, "Determination of Sample Sizes for Setting Tolerance Limits"); its 5 % quantile, which is
    Clopper and Pearson's lower bound as well, must not lie below `recall`.

    Raises:
        UsageError: If there are too few positives to warrant it at any threshold.
    """
    positives = np.sort(scores[actual])
    least = least_positives(recall)
    if len(positives) < least:
        raise UsageError(
            f"A recall of {recall:g} cannot be warranted by {len(positives)} samples of the class.",
            hint=f"It takes {least} of them in the validation part, or ask for less.",
        )
    below = np.arange(len(positives))
    bounds = betaincinv(len(positives) - below, below + 1, 1 - CONFIDENCE)
    return float(positives[np.flatnonzero(bounds >= recall).max()])


def least_positives(recall: float) -> int:
    """How many samples of a class it takes to warrant a recall at all.

    >>> least_positives(0.95)
    59
    """
    return math.ceil(math.log(1 - CONFIDENCE) / math.log(recall) - 1e-9)


def default_positive(schema: TargetSchema) -> str:
    """The class that a threshold is about if none is named: the rarest in training, else the last.

    >>> default_positive(TargetSchema("classes", ("ill", "well"), counts=(20, 80)))
    'ill'
    """
    counts = schema.counts or (0,) * len(schema.names)
    known = [place for place, count in enumerate(counts) if count] or list(range(len(counts)))
    return schema.names[min(known, key=lambda place: (counts[place], -place))]


def check_rule(text: str, positive: str | None, schema: TargetSchema) -> Rule:
    """The rule, if it fits the target.

    Raises:
        UsageError: If there are no classes, or one that is named is unknown.
    """
    rule = read_rule(text)
    if schema.kind != "classes":
        raise UsageError(
            f"The threshold rule {text!r} needs classes; numbers are predicted here.",
            hint="Leave predict.threshold out.",
        )
    cost_matrix(rule.costs, schema.names)
    if positive is not None and positive not in schema.names:
        raise UsageError(
            f"predict.positive names {positive!r}, which is none of the classes.",
            hint=f"Choose one of: {', '.join(schema.names[:20])}.",
        )
    return rule
