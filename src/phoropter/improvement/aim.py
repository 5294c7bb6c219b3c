"""No change removes more than the part of the error that it is aimed at."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from phoropter.core.recipe import Recipe, flat
from phoropter.core.records import Finding, Prescription
from phoropter.diagnosis.evidence import RunEvidence
from phoropter.diagnosis.limits import ErrorBudget, budget
from phoropter.improvement.prescriptions.making import remaining_error

_ROOM = ("model.width", "model.depth")
_RESTRAINTS = ("model.dropout", "train.weight_decay", "train.label_smoothing")
_VARIETY = ("data.augment.mixup", "data.augment.cutmix", "data.augment.preset")
_PRESETS = ("none", "light", "medium", "strong")


def aimed(findings: Iterable[Finding], evidence: RunEvidence) -> tuple[Finding, ...]:
    """The findings with gains that the error budget allows.

    More room for the network can take away bias and no more; more restraint or variety variance.
    The upper ends of the parts' intervals count. Nothing is said of other changes, or where the
    parts are not known.
    """
    known = budget(evidence)
    left = remaining_error(evidence)
    if not known.error or left is None:
        return tuple(findings)
    return tuple(
        replace(
            finding,
            prescriptions=tuple(
                _capped(cure, evidence.recipe, known, left) for cure in finding.prescriptions
            ),
        )
        for finding in findings
    )


def part_aimed_at(change: Mapping[str, Any], recipe: Recipe) -> str | None:
    """The part of the error that a change can lower; None where it is not one alone.

    >>> part_aimed_at({"model.width": 64}, Recipe()), part_aimed_at({"seed": 1}, Recipe())
    ('bias', None)
    >>> part_aimed_at({"model.dropout": 0.5}, Recipe())
    'variance'
    """
    before = flat(recipe)
    aims = {_aim(key, before[key], value) for key, value in change.items()}
    return aims.pop() if len(aims) == 1 else None


def _aim(key: str, old: Any, new: Any) -> str | None:
    if key in _ROOM:
        return "bias" if new > old else "variance"
    if key == "data.augment.preset":
        old, new = _PRESETS.index(old), _PRESETS.index(new)
    if key in _RESTRAINTS or key in _VARIETY:
        return "variance" if new > old else "bias"
    return None


def _capped(cure: Prescription, recipe: Recipe, known: ErrorBudget, left: float) -> Prescription:
    part = part_aimed_at(cure.change, recipe) if cure.change else None
    if part is None or part not in known.parts or cure.expected_gain is None or not known.error:
        return cure
    most = left * min(known.parts[part].high / known.error, 1.0)
    return replace(cure, expected_gain=min(cure.expected_gain, most))
