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

_LOG_TEMPERATURES = np.linspace(-2.0, 2.0, 21)
_FLOORS = np.concatenate([[0.0], np.geomspace(1e-4, 0.95, 60)])
_FINE = 8
_FINE_FLOORS = 60
"""A second grid has so many temperatures for one of the first, and floors in all, about what that
leaves open: an interval that ends at points of the first would be too short, by half for many sure
labels."""

_INTERVAL = 1.920729
"""Half the 95 % quantile of chi-square with one degree of freedom."""

_LEAST = 1e-12
_ROUNDING = 1e-9


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
    given = _Given(np.log(np.maximum(probabilities, _LEAST)), labels)
    coarse = _surface(given, _LOG_TEMPERATURES, _FLOORS)
    floors, temperatures, surface = _fine(given, coarse)
    profile = _peaks(surface)
    # All alike but for rounding: there is nothing to be told from the labels.
    flat = profile.max() - profile[0] <= _ROUNDING * len(labels)
    best = 0 if flat else int(profile.argmax())
    floor = float(floors[best])
    low, high = _crossings(floors, profile)
    own = _own(given, temperatures[int(surface[:, best].argmax())])
    drawn = floor / classes
    kept = (classes - 1) / classes  # a label drawn at random is right now and then
    without = _peaks(_surface(given, _about(coarse[:, :1]), np.zeros(1)))
    ratio = 2.0 * float(profile[best] - without[0]) if floor else 0.0
    return NoiseFloor(
        share=floor * kept,
        low=low * kept,
        high=high * kept,
        p_value=0.5 * float(chi2.sf(ratio, 1)) if ratio > 0 else 1.0,
        wrong=drawn / ((1 - floor) * own + drawn) if floor else np.zeros(len(labels)),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Given:
    """Logarithms of probabilities, shape (n, k), and the labels, shape (n,)."""

    logs: NDArray[np.float64]
    labels: NDArray[np.int64]


def _surface(
    given: _Given, log_temperatures: NDArray[np.float64], floors: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Log-likelihoods of all temperatures and floors, shape (t, f)."""
    classes = given.logs.shape[1]
    owns = (_own(given, temperature) for temperature in log_temperatures)
    return np.array([_likelihoods(own, floors, classes) for own in owns])


def _fine(
    given: _Given, coarse: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Floors, log temperatures and likelihoods of a grid that holds the whole interval."""
    peaks = _peaks(coarse)
    near = np.flatnonzero(peaks >= peaks.max() - 2 * _INTERVAL)
    first, last = int(near[0]) - 1, int(near[-1]) + 1
    while True:
        first, last = max(first, 0), min(last, len(_FLOORS) - 1)
        floors = np.linspace(_FLOORS[first], _FLOORS[last], _FINE_FLOORS)
        temperatures = _about(coarse[:, first : last + 1])
        surface = _surface(given, temperatures, floors)
        profile = _peaks(surface)
        level = profile.max() - _INTERVAL
        more_below = first > 0 and profile[0] >= level
        more_above = last < len(_FLOORS) - 1 and profile[-1] >= level
        if not more_below and not more_above:
            return floors, temperatures, surface
        first, last = first - 2 * more_below, last + 2 * more_above


def _own(given: _Given, log_temperature: float) -> NDArray[np.float64]:
    """Probability of each given label at a temperature, shape (n,)."""
    logs = given.logs / np.exp(log_temperature)
    logs -= logs.max(axis=1, keepdims=True)
    labels = logs[np.arange(len(logs)), given.labels]
    return np.asarray(np.exp(labels) / np.exp(logs).sum(axis=1))


def _likelihoods(
    own: NDArray[np.float64], floors: NDArray[np.float64], classes: int
) -> NDArray[np.float64]:
    """Log-likelihood of every floor, shape (f,), from probabilities (n,) of the given label."""
    return np.array(
        [np.log((1 - floor) * own + floor / classes + 1e-300).sum() for floor in floors]
    )


def _peaks(surface: NDArray[np.float64]) -> NDArray[np.float64]:
    """The highest likelihood of each floor, (f,), by a parabola through the three best rows."""
    place = surface.argmax(axis=0)
    column = np.arange(surface.shape[1])
    middle = place.clip(1, len(surface) - 2)
    before, at, after = (surface[middle + step, column] for step in (-1, 0, 1))
    bend = before - 2 * at + after
    above = np.divide((after - before) ** 2, -8 * bend, out=np.zeros_like(at), where=bend < 0)
    return np.asarray(surface[place, column] + np.where(middle == place, above, 0.0))


def _about(coarse: NDArray[np.float64]) -> NDArray[np.float64]:
    """Finer log temperatures from a step before the best of all floors to a step after them."""
    best = coarse.argmax(axis=0)
    first, last = max(int(best.min()) - 1, 0), min(int(best.max()) + 1, len(coarse) - 1)
    count = _FINE * (last - first) + 1
    return np.linspace(_LOG_TEMPERATURES[first], _LOG_TEMPERATURES[last], count)


def _crossings(floors: NDArray[np.float64], profile: NDArray[np.float64]) -> tuple[float, float]:
    """Where the profile falls below its highest value less `_INTERVAL`, between floors."""
    level = profile.max() - _INTERVAL
    inside = np.flatnonzero(profile >= level)
    first, last = int(inside[0]), int(inside[-1])
    low, high = floors[first], floors[last]
    if first > 0:
        low = np.interp(level, profile[first - 1 : first + 1], floors[first - 1 : first + 1])
    if last + 1 < len(floors):
        high = np.interp(level, profile[[last + 1, last]], floors[[last + 1, last]])
    return float(low), float(high)
