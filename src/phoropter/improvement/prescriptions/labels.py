"""What to do about wrong labels: correct them, and until then, do not learn them by heart."""

from __future__ import annotations

from collections.abc import Iterator

from phoropter.core.records import Finding, Prescription
from phoropter.diagnosis.evidence import RunEvidence
from phoropter.improvement.prescriptions import changes, restraints
from phoropter.improvement.prescriptions.making import advice


def noise(finding: Finding, evidence: RunEvidence) -> Iterator[Prescription]:
    """A look at the labels first; smoothing and mixing keep a network from trusting single ones."""
    listed = len(finding.evidence.get("samples", ()))
    yield advice(
        f"Go through the labels of the {listed} samples listed, then run look for the others.",
        why="Wrong labels teach the wrong thing and count right answers as mistakes (Northcutt et "
        "al. 2021).",
        cost=0.0,
    )
    yield from restraints.smoother_labels(evidence)
    yield from changes.mixed_samples(evidence)
    yield from restraints.more_weight_decay(evidence)
    yield from restraints.more_dropout(evidence)
