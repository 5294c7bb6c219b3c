"""Trying out a metric of the user's own on a few made-up predictions, before any training."""

from __future__ import annotations

import math

import numpy as np

from phoropter.core.errors import BrokenContractError, users_code
from phoropter.core.predictions import ClassPredictions, Predictions, ValuePredictions
from phoropter.core.records import TargetSchema
from phoropter.core.seed import generator
from phoropter.metrics.function import MetricFunction

_SAMPLES = 24


def check_metric(metric: MetricFunction, name: str, schema: TargetSchema) -> None:
    """Asks a metric for its value on random predictions of the target at hand.

    Args:
        metric: What to try.
        name: For the message.
        schema: Of the target.

    Raises:
        BrokenContractError: If it fails, or what it says is no single number within its range.
    """
    predictions = made_up(schema)
    with users_code(
        f"The metric {name!r} failed on {_SAMPLES} predictions",
        hint="It gets predictions with ids, truth and probabilities (or values), and must return "
        "one number.",
    ):
        value = metric(predictions)
    low, high = metric.range
    if not math.isnan(value) and not low <= value <= high:
        raise BrokenContractError(
            f"The metric {name!r} is {value:.4g} for some predictions, outside of its range "
            f"({low:g} to {high:g}).",
            hint="Give it the range that it has.",
        )


def made_up(schema: TargetSchema) -> Predictions:
    """Random predictions of a target, two dozen of them."""
    draws = generator(0, "metric")
    ids = np.array([f"sample {number}" for number in range(_SAMPLES)])
    if schema.kind == "classes":
        labels = np.arange(_SAMPLES, dtype=np.int64) % len(schema.names)
        shares = draws.dirichlet(np.ones(len(schema.names)), _SAMPLES)
        return ClassPredictions(ids, labels, shares, schema.names)
    offset, scale = np.asarray(schema.offset), np.asarray(schema.scale)
    truth = offset + scale * draws.normal(size=(_SAMPLES, len(schema.names)))
    values = truth + scale * draws.normal(size=truth.shape)
    return ValuePredictions(ids, truth, values, schema.names)
