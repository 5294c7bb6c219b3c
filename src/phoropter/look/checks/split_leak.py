"""Pictures, or members of one group, on both sides of the split."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from phoropter.core.records import Finding, Prescription, Severity
from phoropter.look.evidence import LookEvidence
from phoropter.look.families import joined
from phoropter.look.listing import counted, listed
from phoropter.look.name_groups import find_name_groups, find_recordings
from phoropter.look.wording import Wording, wording

WARNING_SHARE = 0.005
CRITICAL_SHARE = 0.05
"""Share of a held-out part that also stands on another side. A model that has learnt those by
heart gains up to this share: half a point is lost in the noise of most sets, five are not."""
DOUBTFUL_ROWS = 4
"""Of near copies, two pairs: they may be strangers who look alike, and move a score by two samples
at most. All that were named in the sound sets of docs/faults.md, when these were thinned, were so
few."""

_WORDS = {
    "exact": "the same {item}",
    "near": "a copy of the {sample}",
    "group": "a member of the same declared group",
    "recording": "a picture of the same recording, by its file name,",
    "file name": "a picture whose file name shares its first part (the same patient, session, ...)",
}


@dataclass(frozen=True, slots=True, eq=False)
class Leak:
    """Rows tied to rows of another part, for one reason.

    Args:
        kind: A key of `_WORDS`.
        families: A number for each row, shape (n,); rows tied to each other share it.
        parts: The part of each row, shape (n,), "" for none.
        share: The largest share of a held-out part that is tied to another part.
        confidence: In [0, 1].
    """

    kind: str
    families: NDArray[np.int64]
    parts: NDArray[np.str_]
    share: float
    confidence: float


def check(evidence: LookEvidence) -> Iterable[Finding]:
    """One finding for each kind of leak between training, validation and test part."""
    if len(np.unique(evidence.parts[evidence.parts != ""])) < 2:
        return
    for leak in _leaks(evidence):
        if leak.share > 0:
            yield _finding(evidence, leak)


def _leaks(evidence: LookEvidence) -> Iterator[Leak]:
    count = len(evidence.dataset)
    twins = [np.stack([rows[:-1], rows[1:]], axis=1) for rows in evidence.twins]
    links = np.concatenate([np.zeros((0, 2), dtype=np.int64), *twins])
    groups = evidence.groups
    yield _leak(evidence, "exact", joined(count, links), 1.0)
    yield _leak(evidence, "near", joined(count, evidence.copies.pairs), 0.95)
    yield _leak(evidence, "group", _own(groups), 1.0)
    if (groups < 0).all() and evidence.dataset.table["part"].null_count() < count:
        found = find_name_groups(evidence) or find_recordings(evidence)
        if found is not None:
            yield _leak(evidence, found.kind, _own(found.numbers), 0.9)


def _own(numbers: NDArray[np.int64]) -> NDArray[np.int64]:
    """Numbers with a fresh one for each row that has none (-1)."""
    fresh = numbers.max(initial=0) + 1 + np.arange(len(numbers))
    return np.where(numbers < 0, fresh, numbers)


def _leak(
    evidence: LookEvidence, kind: str, families: NDArray[np.int64], confidence: float
) -> Leak:
    parts = evidence.parts
    if kind == "recording":  # of which the split itself may hold out a stretch
        parts = evidence.dataset.table["part"].fill_null("").to_numpy().astype(np.str_)
    tied = _tied(parts, families)
    shares = [
        float(tied[parts == part].mean()) for part in ("val", "test") if (parts == part).any()
    ]
    return Leak(kind, families, parts, max(shares, default=0.0), confidence)


def _tied(parts: NDArray[np.str_], families: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether a row's family has rows in another part, shape (n,)."""
    _, part = np.unique(parts, return_inverse=True)
    taking_part = parts != ""
    parts_of_family = np.zeros((families.max() + 1, part.max() + 1), dtype=bool)
    parts_of_family[families[taking_part], part[taking_part]] = True
    return np.asarray(taking_part & (parts_of_family.sum(axis=1)[families] > 1))


def _finding(evidence: LookEvidence, leak: Leak) -> Finding:
    tied = np.flatnonzero(_tied(leak.parts, leak.families))
    tied = tied[np.argsort(leak.families[tied], kind="stable")]
    families = np.split(tied, np.flatnonzero(np.diff(leak.families[tied])) + 1)
    words = wording(evidence.dataset)
    tie = _WORDS[leak.kind].format(item=words.item, sample=words.sample)
    severity: Severity = "info"
    doubtful = leak.kind == "near" and len(tied) <= DOUBTFUL_ROWS
    if leak.share >= WARNING_SHARE and not doubtful:
        severity = "critical" if leak.share >= CRITICAL_SHARE else "warning"
    return Finding(
        code="split-leak",
        severity=severity,
        confidence=leak.confidence,
        message=(
            f"{leak.share:.1%} of a held-out part has {tie} in another part "
            f"({counted(len(families), 'group')} on both sides): results there are too good."
        ),
        evidence={
            "kind": leak.kind,
            "groups": len(families),
            "rows": len(tied),
            "share": leak.share,
            "warning_share": WARNING_SHARE,
            "critical_share": CRITICAL_SHARE,
            "samples": listed(
                listed({"id": str(evidence.ids[row]), "part": str(leak.parts[row])} for row in rows)
                for rows in families
            ),
        },
        prescriptions=() if severity == "info" else (_prescription(words),),
    )


def _prescription(words: Wording) -> Prescription:
    return Prescription(
        change={},
        advice=f"Keep each group on one side: move or delete the listed {words.items}, or leave "
        "the parts to the split, which keeps copies and declared groups together.",
        expected_gain=None,
        cost=0.0,
        why="What was seen in training is recognised, not understood; the score does not carry "
        f"over to new {words.samples}.",
    )
