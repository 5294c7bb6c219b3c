"""The share of wrong labels, and which ones they are, from what a model makes of unseen samples.

A given label is drawn from softmax(log p / T) with probability 1 - e, and from all k classes alike
with probability e. The temperature T stands for a model that is too sure or not sure enough, so
that hard samples alone need no e; labels that were exchanged need one, for no temperature gives
both the many sure hits and a floor of sure misses. Both are fitted by maximum likelihood.

Sources: Angluin and Laird, "Learning from noisy examples", Machine Learning 2, 1988 (uniform
noise); Guo et al., "On calibration of modern neural networks", ICML 2017 (temperature); Self and
Liang, "Asymptotic properties of maximum likelihood estimators under nonstandard conditions", JASA
82, 1987 (half a chi-square where the parameter lies at its bound).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_TEMPERATURES = np.exp(np.linspace(-2.0, 2.0, 41))
_FLOORS = np.concatenate([[0.0], np.geomspace(1e-4, 0.95, 120)])
_INTERVAL = 1.920729
"""Half the 95 % quantile of chi-square with one degree of freedom."""

_LEAST = 1e-12


@dataclass(frozen=True, slots=True, eq=False)
class NoiseFloor:
    """What the fit says of the labels.

    Args:
        share: Estimated share of wrong labels.
        low: Lower end of its 95 % interval (profile likelihood).
        high: Upper end.
        p_value: Of there being none.
        wrong: Probability of each label to be drawn at random, shape (n,).
    """

    share: float
    low: float
    high: float
    p_value: float
    wrong: NDArray[np.float64]


def fit_noise_floor(labels: NDArray[np.int64], probabilities: NDArray[np.float64]) -> NoiseFloor:
    """Estimates the share of labels that have nothing to do with their sample.

    Args:
        labels: Given ones, from 0 to k - 1, shape (n,).
        probabilities: Out of fold, shape (n, k), k at least 2.
    """
    from scipy.stats import chi2

    classes = probabilities.shape[1]
    logs = np.log(np.maximum(probabilities, _LEAST))
    rows = np.arange(len(labels))
    owns = [_softmax(logs / temperature)[rows, labels] for temperature in _TEMPERATURES]
    surface = np.array([_likelihoods(own, classes) for own in owns])
    profile = surface.max(axis=0)
    best = int(profile.argmax())
    floor = float(_FLOORS[best])
    inside = _FLOORS[profile >= profile[best] - _INTERVAL]
    own = owns[int(surface[:, best].argmax())]
    drawn = floor / classes
    kept = (classes - 1) / classes  # a label drawn at random is right now and then
    ratio = max(2.0 * float(profile[best] - profile[0]), 0.0)
    return NoiseFloor(
        share=floor * kept,
        low=float(inside[0]) * kept,
        high=float(inside[-1]) * kept,
        p_value=0.5 * float(chi2.sf(ratio, 1)) if ratio > 0 else 1.0,
        wrong=drawn / ((1 - floor) * own + drawn) if floor else np.zeros(len(labels)),
    )


def _likelihoods(own: NDArray[np.float64], classes: int) -> NDArray[np.float64]:
    """Log-likelihood of every floor, shape (f,), from probabilities (n,) of the given label."""
    return np.array(
        [np.log((1 - floor) * own + floor / classes + 1e-300).sum() for floor in _FLOORS]
    )


def _softmax(values: NDArray[np.float64]) -> NDArray[np.float64]:
    powers = np.exp(values - values.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))
