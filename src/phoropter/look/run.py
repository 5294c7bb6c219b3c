"""Every check that fits the samples, one after the other."""

from __future__ import annotations

import time
from dataclasses import dataclass

from phoropter.core.events import Listener, Note, Progress, silent
from phoropter.core.records import Finding
from phoropter.core.registry import load, names
from phoropter.look.evidence import LookEvidence

_FOR_ALL = "phoropter.checks"
_ORDER = {"critical": 0, "warning": 1, "info": 2}


@dataclass(frozen=True, slots=True)
class Looked:
    """What looking came to.

    Args:
        findings: Most severe and most certain first.
        left_out: Names of the checks that there was no time for, in their order.
    """

    findings: tuple[Finding, ...]
    left_out: tuple[str, ...] = ()


def look(
    evidence: LookEvidence, *, deadline: float | None = None, listener: Listener = silent
) -> Looked:
    """What the checks find that are registered for all samples or for this kind of them.

    Args:
        evidence: The samples.
        deadline: Reading of `time.monotonic` after which no further check is begun; None: all are.
        listener: Told how many checks are done, and which were left out.
    """
    groups = (_FOR_ALL, f"phoropter.{evidence.dataset.modality}_checks")
    checks = [(group, name) for group in groups for name in names(group)]
    findings: list[Finding] = []
    left_out: tuple[str, ...] = ()
    for done, (group, name) in enumerate(checks):
        if deadline is not None and time.monotonic() > deadline:
            left_out = tuple(name for _, name in checks[done:])
            rest = ", ".join(left_out)
            listener(Note(f"Not looked for, to save time (`phoropter look` does): {rest}."))
            break
        listener(Progress("looking", done, len(checks), name))
        findings.extend(load(group, name)(evidence))
    else:
        listener(Progress("looking", len(checks), len(checks)))
    findings.sort(key=lambda finding: (_ORDER[finding.severity], -finding.confidence))
    return Looked(tuple(findings), left_out)
