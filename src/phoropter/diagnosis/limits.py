"""What holds a model back: noise, bias, variance or shift, as far as it was measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from phoropter.core.predictions import ClassPredictions, Predictions
from phoropter.core.records import Metric
from phoropter.core.seed import generator
from phoropter.diagnosis.evidence import RunEvidence
from phoropter.diagnosis.scores import BALANCED_METRICS, score, squared_errors

PARTS = ("noise_floor", "bias", "variance", "shift", "optimism")
DRAWS = 2_000
UNSEEN = 0.5  # right and wrong answers added to those seen: Jeffreys' prior
_TAILS = (0.025, 0.975)
_TO_ERROR = 1.96  # half a 95 % interval in standard errors

_UNKNOWN: Mapping[str, str] = {
    "noise_floor": "Nobody has said how often people err, and no wrong labels were found: what "
    "cannot be avoided counts as bias.",
    "bias": "The predictions on training samples were not recorded.",
    "variance": "The predictions on training samples were not recorded.",
    "shift": "No model was tried on training samples held out from it: a shift would count as "
    "variance (phoropter diagnose RUN --collect measures it).",
    "optimism": "No other run was compared on this validation part.",
}

_UNKNOWN_OF_NUMBERS: Mapping[str, str] = {
    "noise_floor": "How far people are off is not asked: what cannot be avoided counts as bias.",
    "shift": "It is not measured for numbers: a shift would count as variance.",
    "optimism": "It is not measured for numbers.",
}


@dataclass(frozen=True, slots=True)
class ErrorBudget:
    """The validation error taken apart.

    Args:
        parts: Of `PARTS` those that are known, each with its 95 % interval. The first four add up
            to the validation error; optimism comes on top of it for new samples.
        unknown: Why the others are not.
        error: The validation error itself.
    """

    parts: Mapping[str, Metric]
    unknown: Mapping[str, str]
    error: float | None

    def value(self, part: str) -> float:
        """The size of a part, 0.0 if it is unknown."""
        return self.parts[part].value if part in self.parts else 0.0


def error_budget(
    *, floor: float | None, train: float, train_dev: float | None, dev: float
) -> dict[str, float | None]:
    """The validation error taken apart: errors in, the size of each part out.

    The parts add up to `dev`. A training error below the floor is learnt by heart, not a merit: the
    bias is then zero and what lies above the floor is variance.

    Args:
        floor: Error that nobody can avoid (people, label noise); None if unknown, then it counts
            as bias.
        train: Error on training samples.
        train_dev: Error on unseen samples drawn like the training part; None if none were kept,
            then all of the gap counts as variance.
        dev: Error on the validation part.

    Source: Ng, Machine Learning Yearning, chapters 40 and 41.

    >>> error_budget(floor=0.0, train=0.1, train_dev=0.11, dev=0.2)["bias"]
    0.1
    """
    parts = _parts(floor=floor, train=train, train_dev=train_dev, dev=dev)
    return {part: None if value is None else float(value) for part, value in parts.items()}


def _parts(*, floor: Any, train: Any, train_dev: Any, dev: Any) -> dict[str, Any]:
    """`error_budget` of numbers or of arrays of draws."""
    least = 0.0 if floor is None else floor
    reached = train if floor is None else np.maximum(train, floor)
    unseen = dev if train_dev is None else train_dev
    return {
        "noise_floor": floor,
        "bias": reached - least,
        "variance": unseen - reached,
        "shift": None if train_dev is None else dev - train_dev,
    }


def budget(evidence: RunEvidence) -> ErrorBudget:
    """The error budget of a run, with intervals.

    Errors are 1 - accuracy (or mean recall), and the unexplained share of variance for numbers. The
    intervals are those of other samples of the same kinds, by the Bayesian bootstrap.
    """
    train = score(evidence, evidence.train_predictions)
    val = score(evidence, evidence.predictions)
    known: dict[str, Metric] = {}
    if evidence.floor is not None:
        known["noise_floor"] = evidence.floor
    if train is not None and val is not None:
        n = min(train.n, val.n)
        known |= {metric.name: metric for metric in _taken_apart(evidence, n)}
    if evidence.optimism is not None:
        known["optimism"] = evidence.optimism
    of_numbers = evidence.predictions is not None and evidence.predictions.kind == "values"
    reasons = {**_UNKNOWN, **(_UNKNOWN_OF_NUMBERS if of_numbers else {})}
    return ErrorBudget(
        parts={part: known[part] for part in PARTS if part in known},
        unknown={part: reasons[part] for part in PARTS if part not in known},
        error=None if val is None else 1 - val.value,
    )


def limits(evidence: RunEvidence) -> dict[str, float | None]:
    """The size of every part of the validation error; None where it is not known."""
    parts = budget(evidence).parts
    return {part: parts[part].value if part in parts else None for part in PARTS[:-1]}


def _taken_apart(evidence: RunEvidence, n: int) -> list[Metric]:
    train = _errors(evidence, evidence.train_predictions, "train")
    dev = _errors(evidence, evidence.predictions, "dev")
    shift: tuple[float, NDArray[np.float64]] | None = None
    if evidence.held_out is not None:
        held, val = evidence.held_out.train_dev, evidence.held_out.val
        near, far = _errors(evidence, held, "train-dev"), _errors(evidence, val, "val")
        shift, n = (far[0] - near[0], far[1] - near[1]), min(n, len(held))
    floor = None if evidence.floor is None else _floors(evidence.floor)
    value, draws = (
        _parts(
            floor=None if floor is None else floor[place],
            train=train[place],
            train_dev=None if shift is None else dev[place] - shift[place],
            dev=dev[place],
        )
        for place in (0, 1)
    )
    return [
        _metric(part, float(value[part]), draws[part], n)
        for part in ("bias", "variance", "shift")
        if value[part] is not None
    ]


def _metric(part: str, value: float, draws: NDArray[np.float64], n: int) -> Metric:
    low, high = np.quantile(draws, _TAILS)
    return Metric(part, value, min(float(low), value), max(float(high), value), n)


def _errors(
    evidence: RunEvidence, predictions: Predictions | None, part: str
) -> tuple[float, NDArray[np.float64]]:
    """The error on some predictions, and what it would have been on other samples, (DRAWS,).

    Each sample gets an exponential weight (Rubin 1981, "The Bayesian bootstrap"); of right and
    wrong answers only the two sums matter, whose ratio has a beta distribution.
    """
    found = score(evidence, predictions)
    if predictions is None or found is None:
        return np.nan, np.full(DRAWS, np.nan)
    draw = generator(0, "error-budget", part)
    if isinstance(predictions, ClassPredictions):
        known = predictions.truth >= 0
        wrong = predictions.predicted[known] != predictions.truth[known]
        classes = predictions.truth[known] * (evidence.metric in BALANCED_METRICS)
        shares = [
            draw.beta(np.sum(wrong[here]) + UNSEEN, np.sum(~wrong[here]) + UNSEEN, DRAWS)
            for here in (classes == name for name in np.unique(classes))
        ]
        return 1 - found.value, np.mean(shares, axis=0)
    squared = squared_errors(predictions, evidence.summary.schema)
    totals = np.zeros((2, DRAWS))
    for error in squared.tolist():
        weight = draw.standard_exponential(DRAWS)
        totals += weight * np.array([[error], [1.0]])
    return 1 - found.value, totals[0] / totals[1]


def _floors(floor: Metric) -> tuple[float, NDArray[np.float64]]:
    """The floor and draws of it: normal, of different width above and below."""
    normal = generator(0, "error-budget", "floor").standard_normal(DRAWS)
    reach = np.where(normal > 0, floor.high - floor.value, floor.value - floor.low)
    return floor.value, np.maximum(floor.value + normal * reach / _TO_ERROR, 0.0)
