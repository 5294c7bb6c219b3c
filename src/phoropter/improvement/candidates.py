"""Which changes to try, in which order."""

from __future__ import annotations

from collections.abc import Iterable, Set
from dataclasses import replace
from typing import Any

from phoropter.core.recipe import Recipe, difference
from phoropter.core.records import Finding
from phoropter.improvement.prescriptions.making import UNKNOWN_GAIN
from phoropter.improvement.trial import Candidate

LOOK_SHARE = 0.5
"""What a look costs, in shares of the time left."""

_SEVERITY_WEIGHT = {"critical": 4.0, "warning": 2.0, "info": 1.0}


def ranked(
    findings: Iterable[Finding], recipe: Recipe, *, tried: Set[str], run_s: float, left_s: float
) -> list[Candidate]:
    """The changes that would make a new recipe, most promising first.

    A change's rank is its expected gain, weighed by the finding's severity and confidence, over
    its seconds plus half of the time left: cheap changes go first among similar gains, and no
    change is put first merely because it is nearly free. Every turn costs a look at the validation
    part, which makes all later ones need stronger evidence: the most promising must not come late.

    Args:
        findings: With prescriptions.
        recipe: The reference's.
        tried: Digests of recipes that were run already.
        run_s: Seconds that the reference took.
        left_s: Seconds until the budget ends.
    """
    scored: dict[str, tuple[float, Candidate]] = {}
    for finding in findings:
        weight = _SEVERITY_WEIGHT[finding.severity] * max(finding.confidence, 0.1)
        for prescription in finding.prescriptions:
            if not prescription.change:
                continue
            digest = recipe.changed(prescription.change).digest
            if digest in tried or digest == recipe.digest:
                continue
            gain = prescription.expected_gain
            if gain is None:
                gain = UNKNOWN_GAIN
            if gain <= 0:
                continue
            rank = weight * gain / (prescription.cost * run_s + LOOK_SHARE * left_s + 1e-9)
            candidate = Candidate(
                finding.code, prescription.change, prescription.advice, gain, prescription.cost
            )
            if digest not in scored or scored[digest][0] < rank:
                scored[digest] = (rank, candidate)
    return [item for _, item in sorted(scored.values(), key=lambda pair: -pair[0])]


def rebased(finding: Finding, old: Recipe, new: Recipe) -> Finding:
    """A finding about `old` whose changes lead from `new` to the same recipes."""
    return replace(
        finding,
        prescriptions=tuple(
            replace(cure, change=difference(new, old.changed(cure.change)))
            for cure in finding.prescriptions
            if cure.change
        ),
    )


def own_idea(change: dict[str, Any]) -> Candidate:
    """A change the user asked for; tried before all others."""
    return Candidate("idea", change, "Your own change.", expected_gain=1.0, cost=1.0)
