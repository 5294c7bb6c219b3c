"""Texts that differ in a few characters."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from phoropter.core.records import Finding, Prescription
from phoropter.look.evidence import LookEvidence
from phoropter.look.listing import counted, listed
from phoropter.look.text_copies import SIMILARITY

WARNING_SHARE = 0.01
"""Share of samples that are copies from which weights and metrics change visibly."""


def check(evidence: LookEvidence) -> Iterable[Finding]:
    """One finding for all pairs of copies; how they are found: `look.text_copies`."""
    copies = evidence.copies
    if not len(copies.pairs):
        return
    share = len(np.unique(copies.pairs[:, 1])) / len(evidence.dataset)
    yield Finding(
        code="near-duplicates",
        severity="warning" if share >= WARNING_SHARE else "info",
        confidence=0.95,
        message=(
            f"{counted(len(copies.pairs), 'pair')} of different texts say the same but for a few "
            f"characters ({share:.1%} of the samples are copies)."
        ),
        evidence={
            "pairs": len(copies.pairs),
            "share": share,
            "warning_share": WARNING_SHARE,
            "similarity": SIMILARITY,
            "samples": listed(evidence.ids[pair].tolist() for pair in copies.pairs),
        },
        prescriptions=(
            Prescription(
                change={},
                advice="Keep one text of each pair, or declare the pair as one group.",
                expected_gain=None,
                cost=0.0,
                why="Copies weigh double, and on both sides of a split they are a leak.",
            ),
        ),
    )
