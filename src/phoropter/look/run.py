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

_DEAR = ("label-errors", "covariate-shift", "outliers", "undeclared-groups")
_DEAR_S = 5e-4
"""Seconds a sample of these, which fit something: 1.6 to 5.7 s each for 10,000 and 12,000 images,
beside which all others took 1.1 s together (two cores of some 100 GFLOPS)."""


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
        deadline: Reading of `time.monotonic` after which no further check is begun, and none of
            the dear ones that would end after it; None: all are.
        listener: Told how many checks are done, and which were left out.
    """
    groups = (_FOR_ALL, f"phoropter.{evidence.dataset.modality}_checks")
    checks = sorted(((group, name) for group in groups for name in names(group)), key=_dearness)
    findings: list[Finding] = []
    left_out: list[str] = []
    for done, (group, name) in enumerate(checks):
        needed_s = _DEAR_S * len(evidence.dataset) if name in _DEAR else 0.0
        if deadline is not None and time.monotonic() + needed_s > deadline:
            left_out.append(name)
            continue
        listener(Progress("looking", done, len(checks), name))
        findings.extend(load(group, name)(evidence))
    if left_out:
        rest = ", ".join(left_out)
        listener(Note(f"Not looked for, to save time (`phoropter look` does): {rest}."))
    else:
        listener(Progress("looking", len(checks), len(checks)))
    findings.sort(key=lambda finding: (_ORDER[finding.severity], -finding.confidence))
    return Looked(tuple(findings), tuple(left_out))


def _dearness(check: tuple[str, str]) -> int:
    """Where a check stands in the order: the quick ones first."""
    _, name = check
    return _DEAR.index(name) + 1 if name in _DEAR else 0
