"""Files that differ and show the same picture."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict

from phoropter.core.records import Finding, Prescription
from phoropter.look.evidence import LookEvidence
from phoropter.look.families import joined, several
from phoropter.look.listing import counted, listed, members

WARNING_SHARE = 0.01
"""Share of samples that are copies from which weights and metrics change visibly; fewer cannot
move a metric by more than a point."""


def check(evidence: LookEvidence) -> Iterable[Finding]:
    """One finding for all pairs of copies; how they are told from look-alikes: `look.copies`."""
    copies = evidence.copies
    if not len(copies.pairs) or copies.rule is None:
        return
    number = joined(len(evidence.dataset), copies.pairs)
    families = several(number)
    share = (sum(map(len, families)) - len(families)) / len(evidence.dataset)
    yield Finding(
        code="near-duplicates",
        severity="warning" if share >= WARNING_SHARE else "info",
        confidence=0.95,
        message=(
            f"{counted(len(copies.pairs), 'pair')} of different files show the same picture "
            f"({share:.1%} of the samples are copies): resized, re-encoded, mirrored, cropped, "
            "turned or the like."
        ),
        evidence={
            "pairs": len(copies.pairs),
            "share": share,
            "warning_share": WARNING_SHARE,
            "rule": asdict(copies.rule),
            "samples": listed(evidence.ids[pair].tolist() for pair in copies.pairs),
            "how": listed(copies.how),
            "family_count": len(families),
            "families": listed(members(evidence, rows) for rows in families),
        },
        prescriptions=(
            Prescription(
                change={},
                advice="Keep the best file of each pair, or declare the pair as one group.",
                expected_gain=None,
                cost=0.0,
                why="Copies weigh double, and on both sides of a split they are a leak.",
            ),
        ),
    )
