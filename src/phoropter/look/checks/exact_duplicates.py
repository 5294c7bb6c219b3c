"""Files that are the same byte by byte."""

from __future__ import annotations

from collections.abc import Iterable

from phoropter.core.records import Finding, Prescription
from phoropter.look.evidence import LookEvidence
from phoropter.look.listing import counted, listed
from phoropter.look.wording import wording

WARNING_SHARE = 0.01
"""Share of samples that are repeats from which weights and metrics change visibly; fewer cannot
move a metric by more than a point."""


def check(evidence: LookEvidence) -> Iterable[Finding]:
    """One finding for all repeated files."""
    twins = evidence.twins
    if not twins:
        return
    repeats = sum(len(rows) - 1 for rows in twins)
    share = repeats / len(evidence.dataset)
    largest = sorted(twins, key=len, reverse=True)
    words = wording(evidence.dataset)
    yield Finding(
        code="exact-duplicates",
        severity="warning" if share >= WARNING_SHARE else "info",
        confidence=1.0,
        message=(
            f"{counted(repeats, 'sample')} ({share:.1%}) repeat another {words.item} "
            f"{words.exactly} ({counted(len(twins), 'group')} of identical {words.items})."
        ),
        evidence={
            "groups": len(twins),
            "repeats": repeats,
            "share": share,
            "warning_share": WARNING_SHARE,
            "samples": listed(listed(evidence.ids[rows].tolist()) for rows in largest),
        },
        prescriptions=(
            Prescription(
                change={},
                advice=f"Keep one {words.item} of each group, unless they are different cases "
                "that happen to agree.",
                expected_gain=None,
                cost=0.0,
                why=f"A repeated {words.sample} weighs double in training and in every metric, and "
                "makes intervals look narrower than they are.",
            ),
        ),
    )
