"""Every registered check, one after the other."""

from __future__ import annotations

from phoropter.core.events import Listener, Progress, silent
from phoropter.core.records import Finding
from phoropter.core.registry import load, names
from phoropter.look.evidence import LookEvidence

_GROUP = "phoropter.checks"
_ORDER = {"critical": 0, "warning": 1, "info": 2}


def look(evidence: LookEvidence, *, listener: Listener = silent) -> tuple[Finding, ...]:
    """What the registered checks find, most severe and most certain first.

    Args:
        evidence: The samples.
        listener: Told how many checks are done.
    """
    checks = names(_GROUP)
    findings: list[Finding] = []
    for done, name in enumerate(checks):
        listener(Progress("looking", done, len(checks), name))
        findings.extend(load(_GROUP, name)(evidence))
    listener(Progress("looking", len(checks), len(checks)))
    return tuple(
        sorted(findings, key=lambda finding: (_ORDER[finding.severity], -finding.confidence))
    )
