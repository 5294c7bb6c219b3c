"""Files that were found and are no samples."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from phoropter.core.records import Finding, Prescription, Rejected, Severity
from phoropter.look.evidence import LookEvidence
from phoropter.look.listing import counted, listed

CRITICAL_SHARE = 0.05
"""Share of the images that cannot be read from which the source, not a file, is broken: a copy
that stopped half-way, a disk, a wrong export. Losing fewer costs no more than a smaller set."""


def check(evidence: LookEvidence) -> Iterable[Finding]:
    """One finding for everything rejected; junk that was never meant as an image is only named."""
    rejected = tuple(item for item in evidence.dataset.rejected if item.kind != "annotation")
    if not rejected:
        return
    lost = [item for item in rejected if item.kind in {"unreadable", "unusable"}]
    share = len(lost) / max(len(lost) + len(evidence.dataset), 1)
    severity: Severity = "info"
    if lost:
        severity = "critical" if share >= CRITICAL_SHARE else "warning"
    yield Finding(
        code="unreadable-files",
        severity=severity,
        confidence=1.0,
        message=_message(rejected, lost, share),
        evidence={
            "rejected": len(rejected),
            "lost": len(lost),
            "lost_share": share,
            "critical_share": CRITICAL_SHARE,
            "kinds": dict(Counter(item.kind for item in rejected).most_common()),
            "reasons": dict(listed(Counter(item.reason for item in rejected).most_common())),
            "files": listed(
                {"path": item.path, "reason": item.reason} for item in lost or rejected
            ),
        },
        prescriptions=_prescriptions() if lost else (),
    )


def _message(rejected: tuple[Rejected, ...], lost: list[Rejected], share: float) -> str:
    if not lost:
        return f"{counted(len(rejected), 'file')} beside the samples, left out."
    reason, count = Counter(item.reason for item in lost).most_common(1)[0]
    return (
        f"{counted(len(lost), 'sample')} ({share:.1%}) cannot be used; "
        f"most often: {reason} ({count:,})."
    )


def _prescriptions() -> tuple[Prescription, ...]:
    return (
        Prescription(
            change={},
            advice="Copy the listed files again from their source, or delete them.",
            expected_gain=None,
            cost=0.0,
            why="They take no part in training or evaluation; if they are not a random "
            "selection, the results do not hold for pictures like them.",
        ),
    )
