"""How a family states a prescription: an idea of the table of priors, applied to one run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from math import isfinite
from typing import Any

from phoropter.core.errors import UsageError
from phoropter.core.recipe import Recipe
from phoropter.core.records import Finding, Prescription
from phoropter.diagnosis.evidence import RunEvidence
from phoropter.diagnosis.scores import primary_value
from phoropter.improvement.prescriptions.priors import PRIORS

UNKNOWN_GAIN = 0.005
"""Assumed of a change whose gain nobody knows: a small one, so that known ones come first."""

Family = Callable[[Finding, RunEvidence], Iterable[Prescription]]


def prescription(
    evidence: RunEvidence,
    idea: str,
    change: Mapping[str, Any],
    advice: str,
    *,
    cost: float = 1.0,
    share: float | None = None,
) -> Prescription:
    """A prescription with the gain that the table of priors expects on this run.

    Args:
        evidence: The run to be changed.
        idea: A key of `PRIORS`.
        change: Dotted recipe keys; empty where only people can act.
        advice: One sentence.
        cost: Relative to one run of the present recipe.
        share: Share of the error removed, where the finding measured it; else the prior's.
    """
    prior = PRIORS[idea]
    error = remaining_error(evidence)
    gain = None if error is None else error * (prior.share if share is None else share)
    return Prescription(dict(change), advice, gain, cost, prior.why)


def advice(text: str, *, why: str, cost: float = 1.0) -> Prescription:
    """Something that only people can do."""
    return Prescription({}, text, None, cost, why)


def remaining_error(evidence: RunEvidence) -> float | None:
    """How far the primary metric is from its best value, in its own unit.

    None if it was not measured, or has no best value that is known.
    """
    value = primary_value(evidence)
    if value is None:
        return None
    best = _best(evidence)
    error = best - value if evidence.greater_is_better else value - best
    return error if isfinite(error) and error >= 0 else None


def _best(evidence: RunEvidence) -> float:
    from phoropter.metrics import named

    try:
        return named(evidence.metric).best
    except UsageError:  # somebody else's curves have names of their own
        return 1.0 if evidence.greater_is_better else 0.0


def is_classic(recipe: Recipe) -> bool:
    """Whether the model is a classic one, which has no training to change."""
    from phoropter.models.catalog import is_classic as known_classic

    return known_classic(recipe.model.name)


def is_frozen(recipe: Recipe) -> bool:
    """Whether only a head is trained, on features computed once: a preset alone changes nothing."""
    from phoropter.models.catalog import frozen_trunk

    return frozen_trunk(recipe) != ""


def is_small_net(recipe: Recipe) -> bool:
    """Whether depth, width, activation and norm mean something to the model."""
    return recipe.model.name in {"cnn", "mlp", "xception_small"}


def sees_images(recipe: Recipe) -> bool:
    """Whether the training loop sees images, so that augmentation has an effect."""
    return not is_classic(recipe) and not is_frozen(recipe)


def rounded(value: float) -> float:
    """A number with two significant digits, as people write learning rates.

    >>> rounded(0.00033333)
    0.00033
    """
    return float(f"{value:.2g}")
