"""Classes with too few samples to learn from or to measure."""

from __future__ import annotations

from collections.abc import Iterable
from math import sqrt

import numpy as np

from phoropter.core.records import Finding, Prescription
from phoropter.look.evidence import LookEvidence
from phoropter.look.listing import counted, listed

SPOKEN_HALF_WIDTH = 0.2
WARNING_HALF_WIDTH = 0.3
"""Half width of the 95 % interval of a class's recall. At 0.3 (7 samples) a recall of one half
cannot be told from 0.2 or 0.8, and one sample more or less moves it by 14 points."""

FEWEST_TO_LEARN = 5


def half_width(count: int) -> float:
    """Half width of the 95 % Wilson interval of a share measured as one half on `count` samples.

    Source: Wilson, "Probable inference, the law of succession, and statistical inference", 1927.

    >>> round(half_width(7), 2), round(half_width(100), 2), half_width(0)
    (0.3, 0.1, 0.5)
    """
    if count == 0:
        return 0.5
    z = 1.959964
    return z / (1 + z**2 / count) * sqrt(0.25 / count + z**2 / (4 * count**2))


def check(evidence: LookEvidence) -> Iterable[Finding]:
    """One finding for all classes that are too small in training or in a held-out part."""
    if evidence.labels is None or not len(evidence.labels):
        return
    rare = [row for row in _counts(evidence) if _is_rare(row)]
    if not rare:
        return
    rare.sort(key=lambda row: (row["samples"], row["class"]))
    severe = any(_is_severe(row) for row in rare)
    smallest = rare[0]
    widest = max(rare, key=lambda row: row["half_width"])
    yield Finding(
        code="rare-class",
        severity="warning" if severe else "info",
        confidence=1.0,
        message=(
            f"{counted(len(rare), 'class', 'classes')} with few samples, the smallest "
            f"{smallest['class']!r} with {smallest['samples']}: recall of {widest['class']!r} is "
            f"measured to within ±{widest['half_width']:.0%} at best."
        ),
        evidence={
            "classes": listed(rare),
            "count": len(rare),
            "warning_half_width": WARNING_HALF_WIDTH,
            "fewest_to_learn": FEWEST_TO_LEARN,
        },
        prescriptions=_prescriptions(str(smallest["class"])) if severe else (),
    )


def _counts(evidence: LookEvidence) -> list[dict[str, float | int | str]]:
    labels, parts = evidence.labels, evidence.parts
    assert labels is not None
    held_out = [part for part in ("val", "test") if (parts == part).any()]
    rows = []
    for name in np.unique(labels):
        mine = labels == name
        counts = {part: int((mine & (parts == part)).sum()) for part in held_out}
        fewest = min(counts.values()) if counts else int(mine.sum())
        train = int((mine & (parts == "train")).sum()) if held_out else int(mine.sum())
        rows.append(
            {
                "class": str(name),
                "samples": int(mine.sum()),
                "train": train,
                "held_out": fewest,
                "half_width": half_width(fewest),
            }
        )
    return rows
