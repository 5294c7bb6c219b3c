"""Every check that fits the samples, one after the other."""

from __future__ import annotations

from phoropter.core.events import Listener, Progress, silent
from phoropter.core.records import Finding
from phoropter.core.registry import load, names
from phoropter.look.evidence import LookEvidence

_FOR_ALL = "phoropter.checks"
_ORDER = {"critical": 0, "warning": 1, "info": 2}


def look(evidence: LookEvidence, *, listener: Listener = silent) -> tuple[Finding, ...]:
    """What the checks find that are registered for all samples or for this kind of them.

    Most severe and most certain first.

    Args:
        evidence: The samples.
        listener: Told how many checks are done.
    """
    groups = (_FOR_ALL, f"phoropter.{evidence.dataset.modality}_checks")
    checks = [(group, name) for group in groups for name in names(group)]
    findings: list[Finding] = []
    for done, (group, name) in enumerate(checks):
        listener(Progress("looking", done, len(checks), name))
        findings.extend(load(group, name)(evidence))
    listener(Progress("looking", len(checks), len(checks)))
    return tuple(
        sorted(findings, key=lambda finding: (_ORDER[finding.severity], -finding.confidence))
    )
