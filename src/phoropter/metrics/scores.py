"""Proper scores: metrics that only honest probabilities can make best."""

from __future__ import annotations

import numpy as np

from phoropter.core.predictions import ClassPredictions
from phoropter.metrics.function import Floats, MetricFunction, Weighted, ratio

EPSILON = float(np.finfo(np.float64).eps)


def log_losses(predictions: ClassPredictions) -> Floats:
    """Minus the logarithm of the probability given to the truth, in nats, shape (n,).

    Probabilities are clipped to [2.2e-16, 1 - 2.2e-16], as in scikit-learn, so that one wrong
    certainty costs 36 nats rather than everything.
    """
    own = predictions.probabilities[np.arange(len(predictions)), predictions.truth]
    return np.asarray(-np.log(np.clip(own, EPSILON, 1 - EPSILON)))


def brier_scores(predictions: ClassPredictions) -> Floats:
    """Squared distance of the probabilities from the truth, shape (n,).

    Summed over classes, in [0, 2]; halved for two classes, in [0, 1], as Brier's score usually is.
    """
    distance = predictions.probabilities.copy()
    distance[np.arange(len(predictions)), predictions.truth] -= 1.0
    scores = (distance**2).sum(axis=1)
    return np.asarray(scores / 2 if len(predictions.classes) == 2 else scores)


def mean_of(per_sample: Floats) -> Weighted:
    """The weighted mean of one number a sample."""
    return lambda weights: ratio(weights @ per_sample, weights.sum(axis=1))


def contributions_to_mean(per_sample: Floats) -> Weighted:
    """By how much each sample is above the weighted mean, shape (b, n)."""
    mean = mean_of(per_sample)
    return lambda weights: per_sample - mean(weights)[:, None]


def _log_loss(predictions: ClassPredictions) -> Weighted:
    return mean_of(log_losses(predictions))


def _brier(predictions: ClassPredictions) -> Weighted:
    return mean_of(brier_scores(predictions))


log_loss = MetricFunction(
    "log_loss",
    "classes",
    False,
    (0.0, float(-np.log(EPSILON))),
    _log_loss,
    contributions=lambda predictions: contributions_to_mean(log_losses(predictions)),
)
brier = MetricFunction(
    "brier",
    "classes",
    False,
    (0.0, 2.0),
    _brier,
    contributions=lambda predictions: contributions_to_mean(brier_scores(predictions)),
)
