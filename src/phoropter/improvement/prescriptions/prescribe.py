"""From a finding to its ranked prescriptions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from math import sqrt

from phoropter.core.errors import UsageError
from phoropter.core.recipe import Recipe
from phoropter.core.records import Finding, Prescription
from phoropter.core.registry import load, names
from phoropter.diagnosis.evidence import RunEvidence
from phoropter.improvement.prescriptions.making import UNKNOWN_GAIN, Family, is_classic

GROUP = "phoropter.prescriptions"

_OF_IMAGES = ("data.size", "data.augment", "model.pretrained", "model.transfer", "predict.tta")
"""Keys that change nothing where a sample is a row of numbers, or make a network for images."""


def prescribe(finding: Finding, evidence: RunEvidence) -> Finding:
    """The finding with what may cure it, best first; unchanged if nothing is registered for it.

    Only changes that apply to the run's recipe and alter it are kept. Curves of a foreign loop
    have no recipe of ours, so there the advice stands alone, and none that names a rate where the
    present one is not known.
    """
    if finding.code not in names(GROUP):
        return finding
    family: Family = load(GROUP, finding.code)
    return replace(finding, prescriptions=sensible(family(finding, evidence), evidence))


def sensible(
    prescriptions: Iterable[Prescription], evidence: RunEvidence
) -> tuple[Prescription, ...]:
    """What applies to this run, ranked by gain for cost, each change once; pure advice last.

    The cost enters as the root of 1 + cost: a change is not best merely because it is nearly free,
    nor a half measure because it is half as dear.
    """
    kept: dict[str, Prescription] = {}
    for item in prescriptions:
        if not item.change:
            kept.setdefault(item.advice, item)
        elif not _fits(item, evidence):
            continue
        elif not evidence.summary.run:
            kept.setdefault(item.advice, replace(item, change={}))
        else:
            digest = _digest(evidence.recipe, item)
            if digest is not None and digest != evidence.recipe.digest:
                kept.setdefault(digest, item)
    return tuple(sorted(kept.values(), key=by_gain))


def _fits(item: Prescription, evidence: RunEvidence) -> bool:
    """Whether a change is about something that is known, and that these samples have."""
    if "train.lr" in item.change and "train.lr" in evidence.unknown:
        return False
    return evidence.images or not any(key.startswith(_OF_IMAGES) for key in item.change)


def _digest(recipe: Recipe, item: Prescription) -> str | None:
    """What the changed recipe is known by, or None where the change makes no valid recipe."""
    untrained = ("model.", "predict.")
    if is_classic(recipe) and not any(key.startswith(untrained) for key in item.change):
        return None  # classic models have no training to change
    try:
        return recipe.changed(item.change).digest
    except UsageError:
        return None  # out of a field's bounds, such as a size beyond the largest


def by_gain(item: Prescription) -> tuple[bool, float]:
    """Sorts the most gain for its cost first, and pure advice last."""
    gain = UNKNOWN_GAIN if item.expected_gain is None else item.expected_gain
    return not item.change, -gain / sqrt(1.0 + item.cost)
