"""Files that are the same byte by byte; rows of a table that agree in every input."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from phoropter.core.records import Finding, Prescription
from phoropter.look.evidence import LookEvidence
from phoropter.look.listing import counted, listed
from phoropter.look.wording import wording

WARNING_SHARE = 0.01
"""Share of samples that are repeats from which weights and metrics change visibly; fewer cannot
move a metric by more than a point."""


CHANCE = 0.5
"""Of rows that agree in all columns but one, the share that agree in that one too. Below, agreement
in all columns is a coincidence of cases described by few values; copied rows agree in every one."""


def check(evidence: LookEvidence) -> Iterable[Finding]:
    """One finding for all repeated files or rows; only a remark where rows agree by chance."""
    twins = evidence.twins
    if not twins:
        return
    column, agreement = _least_agreement(evidence)
    told = ""
    if agreement < CHANCE:
        told = (
            f" Of rows that agree in all but {column!r}, only {agreement:.0%} agree there too: "
            "these are probably different cases."
        )
    repeats = sum(len(rows) - 1 for rows in twins)
    share = repeats / len(evidence.dataset)
    largest = sorted(twins, key=len, reverse=True)
    words = wording(evidence.dataset)
    yield Finding(
        code="exact-duplicates",
        severity="warning" if share >= WARNING_SHARE and not told else "info",
        confidence=1.0,
        message=(
            f"{counted(repeats, 'sample')} ({share:.1%}) repeat another {words.item} "
            f"{words.exactly} ({counted(len(twins), 'group')} of identical {words.items}).{told}"
        ),
        evidence={
            "groups": len(twins),
            "repeats": repeats,
            "share": share,
            "warning_share": WARNING_SHARE,
            "least_agreement": agreement,
            "chance": CHANCE,
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


def _least_agreement(evidence: LookEvidence) -> tuple[str, float]:
    """The column in which rows that agree in all others agree least, and how often; 1 for files."""
    names = evidence.dataset.inputs
    if evidence.dataset.modality != "table" or len(names) < 2:
        return "", 1.0
    same = sum(len(rows) * (len(rows) - 1) // 2 for rows in evidence.twins)
    # Hashes are summed (modulo 2^64), so that a column is left out by a subtraction.
    table = evidence.dataset.table
    hashes = {name: table[name].hash(seed=at).to_numpy() for at, name in enumerate(names)}
    whole = np.sum(list(hashes.values()), axis=0, dtype=np.uint64)
    shares = {name: same / max(_pairs(whole - hashes[name]), same) for name in names}
    least = min(shares, key=lambda name: shares[name])
    return least, shares[least]


def _pairs(values: NDArray[np.uint64]) -> int:
    """How many pairs of rows have the same value."""
    counts = np.unique(values, return_counts=True)[1]
    return int((counts * (counts - 1) // 2).sum())
