"""Every check that fits the samples, one after the other."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from phoropter.core.events import Listener, Note, Progress, silent
from phoropter.core.records import Finding
from phoropter.core.registry import load, names
from phoropter.look.evidence import LookEvidence, is_described

_FOR_ALL = "phoropter.checks"
_ORDER = {"critical": 0, "warning": 1, "info": 2}

_DEAR = {
    "channel-order": (0.05, 96, False),
    "undeclared-groups": (6e-4, 20_000, False),
    "label-errors": (5e-4, None, True),
    "covariate-shift": (1.7e-3, 2_000, True),
    "outliers": (3e-4, None, True),
}
"""What asks a network about photographs or fits something: seconds a sample, from how many on there
are no more of them, and whether pictures must be described. The last four took 1.6 to 5.7 s each
for 10,000 and 12,000 tiny images, beside which the others took 1.1 s together; the first, some 5 s
for 96 photographs of 288 px (two cores of some 100 GFLOPS). How they grow is a guess between."""

_PROBED = 32
"""Samples that are described to tell how long it takes for all."""


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
    checks = [(group, name) for group in groups for name in names(group)]
    checks.sort(key=lambda check: list(_DEAR).index(check[1]) if check[1] in _DEAR else -1)
    describing_s = functools.cache(lambda: _describing_s(evidence))  # asked once, if at all
    findings: list[Finding] = []
    left_out: list[str] = []
    for done, (group, name) in enumerate(checks):
        if deadline is not None and _ends_after(deadline, name, evidence, describing_s):
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


def _ends_after(
    deadline: float, name: str, evidence: LookEvidence, describing_s: Callable[[], float]
) -> bool:
    """Whether a dear check would end after that; of others, whether it would begin after it."""
    if time.monotonic() > deadline or name not in _DEAR:
        return time.monotonic() > deadline
    each_s, most, describes = _DEAR[name]
    count = len(evidence.dataset)
    needed_s = each_s * min(count, most or count)
    if describes and not is_described(evidence):
        needed_s += describing_s()
    return time.monotonic() + needed_s > deadline


def _describing_s(evidence: LookEvidence) -> float:
    """Seconds that the features of all samples will take, the better of two calls for a few."""
    count = len(evidence.dataset)
    few = np.arange(count, dtype=np.int64)[:: max(1, -(-count // _PROBED))]
    if evidence.features is None or not count:
        return 0.0
    spent = []
    for _ in range(2):  # the first one loads what it needs
        begun = time.perf_counter()
        evidence.features(evidence.dataset, few)
        spent.append(time.perf_counter() - begun)
    return min(spent) / len(few) * count
