"""Pictures with few pixels."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from phoropter.core.records import Finding, Prescription
from phoropter.look.evidence import LookEvidence
from phoropter.look.listing import counted, listed
from phoropter.look.properties import dimensions

SMALL_PX = 64
"""Median short side below which the whole set is small: most pretrained networks reduce their
input 32 times and were trained at 224 pixels."""

RELATIVE = 0.25
"""A picture is small for its set below this share of the median short side."""

WARNING_SHARE = 0.01
"""Share of pictures small for their set from which enlarging them can matter for a metric."""


def check(evidence: LookEvidence) -> Iterable[Finding]:
    """A remark where the whole set is small, or a finding where single pictures are."""
    if not len(evidence.dataset):
        return
    size = dimensions(evidence.dataset.table)
    short = np.minimum(size["height"], size["width"])
    median = float(np.median(short))
    small = np.flatnonzero(short < RELATIVE * median)
    if not len(small) and median >= SMALL_PX:
        return
    share = len(small) / len(short)
    severe = share >= WARNING_SHARE
    few = small[np.argsort(short[small], kind="stable")]
    yield Finding(
        code="low-resolution",
        severity="warning" if severe else "info",
        confidence=1.0,
        message=_message(median, len(small), share),
        evidence={
            "median_short_side": median,
            "small_set_below": SMALL_PX,
            "small": len(small),
            "share": share,
            "warning_share": WARNING_SHARE,
            "small_below": RELATIVE * median,
            "samples": listed(
                {"id": str(evidence.ids[row]), "short_side": int(short[row])} for row in few
            ),
        },
        prescriptions=(_PRESCRIPTION,) if severe else (),
    )


def _message(median: float, small: int, share: float) -> str:
    text = f"The short side has {median:.0f} pixels (median)"
    if not small:
        return f"{text}: a small network made for small pictures may do as well as a large one."
    return f"{text}; {counted(small, 'picture')} ({share:.1%}) have less than a quarter of that."


_PRESCRIPTION = Prescription(
    change={},
    advice="Replace or delete the listed pictures.",
    expected_gain=None,
    cost=0.0,
    why="Enlarged to the size of the others they are blur, and blur may come to stand for a class.",
)
