"""What to do when something simpler is as good, or luck could be the reason."""

from __future__ import annotations

from collections.abc import Iterator

from phoropter.core.recipe import difference
from phoropter.core.records import Finding, Prescription
from phoropter.diagnosis.evidence import RunEvidence
from phoropter.improvement.prescriptions import changes, restraints
from phoropter.improvement.prescriptions.making import advice, is_frozen


def classic(finding: Finding, evidence: RunEvidence) -> Iterator[Prescription]:
    """Take the classic model, whose gain was measured; or give the network what it lacks."""
    name = str(finding.evidence.get("baseline", ""))
    recipe = evidence.recipe
    if name:
        known = evidence.ladder_recipes.get(name)
        backbone = recipe.model.name if is_frozen(recipe) else "pixels"
        yield Prescription(
            difference(recipe, known)
            if known
            else {"model.name": name, "model.backbone": backbone},
            f"Take the classic model {name!r}: simpler, quicker and at least as good here.",
            max(float(finding.evidence.get("lead", 0.0)), 0.0),
            0.1,
            "Measured on the same validation samples; a network must beat its baselines (K6).",
        )
    yield from changes.fine_tune(evidence)
    yield from changes.more_augmentation(evidence)
    yield from changes.longer(evidence)


def seeds(_finding: Finding, evidence: RunEvidence) -> Iterator[Prescription]:
    """Average over steps, and over seeds before anything is claimed."""
    yield from restraints.averaged_weights(evidence)
    yield advice(
        "Compare recipes over several seeds each, not by single runs.",
        why="Seeds alone move results by this much (Bouthillier et al. 2021; Playbook P21, P22).",
        cost=4.0,
    )
