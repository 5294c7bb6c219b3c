"""Temperature scaling: one number that makes probabilities come true as often as they say.

Guo et al. (2017), "On Calibration of Modern Neural Networks": the logits are divided by the
temperature that gives the least log loss on samples the network was not trained on. The order of
the classes stays as it is, and so do accuracy and every other metric of the most probable class.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.optimize import brentq

from phoropter.core.predictions import ClassPredictions
from phoropter.metrics.function import Floats, known_rows

LEAST, MOST = 0.05, 20.0
"""Limits of the temperature: without an error the log loss has its minimum at 0, which no data
can support."""

_TINY = float(np.finfo(np.float64).tiny)


def tempered(predictions: ClassPredictions, temperature: float) -> ClassPredictions:
    """The predictions with their logits divided by the temperature; what was decided stays.

    >>> table = ClassPredictions(
    ...     np.array(["a"]), np.array([0]), np.array([[0.8, 0.2]]), ("x", "y")
    ... )
    >>> tempered(table, 2.0).probabilities.round(3).tolist()
    [[0.667, 0.333]]
    """
    if temperature == 1.0:
        return predictions
    return replace(
        predictions, probabilities=_softmax(_logits(predictions.probabilities) / temperature)
    )


def fit_temperature(predictions: ClassPredictions) -> float:
    """The temperature of least log loss, in [0.05, 20]; 1.0 where no truth is known.

    The log loss is convex in the inverse temperature b: its derivative is the mean, over samples,
    of the expected logit under the tempered probabilities minus the true class's logit. It rises
    with b, so its one zero is found by bracketing (Brent 1973), which cannot diverge.

    >>> sure = np.tile([0.99, 0.01], (10, 1))
    >>> table = ClassPredictions(
    ...     np.arange(10).astype(str), np.array([0] * 9 + [1]), sure, ("x", "y")
    ... )
    >>> round(fit_temperature(table), 3)  # log(0.99 / 0.01) / log(0.9 / 0.1)
    2.091
    """
    rows = np.flatnonzero(known_rows(predictions))
    if len(rows) == 0:
        return 1.0
    logits = _logits(predictions.probabilities[rows])
    true = float(logits[np.arange(len(rows)), predictions.truth[rows]].mean())

    def slope(log_inverse: float) -> float:
        shares = _softmax(logits * np.exp(log_inverse))
        return float(np.einsum("nk,nk->", shares, logits)) / len(rows) - true

    if np.ptp(logits, axis=1).max() == 0:
        return 1.0  # all classes alike: every temperature is as good
    low, high = -np.log(MOST), -np.log(LEAST)
    if slope(low) >= 0:
        return MOST
    if slope(high) <= 0:
        return LEAST
    return float(np.exp(-brentq(slope, low, high, xtol=1e-6)))


def _logits(probabilities: Floats) -> Floats:
    """Logits up to a constant a sample; a probability that rounded to 0 counts as 1e-308."""
    return np.asarray(np.log(np.maximum(probabilities, _TINY)))


def _softmax(logits: Floats) -> Floats:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))
