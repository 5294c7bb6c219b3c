"""Pictures of very different sizes or shapes."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from phoropter.core.records import Finding
from phoropter.look.evidence import LookEvidence
from phoropter.look.properties import dimensions

SPOKEN_SPREAD = 2.0
"""Ratio of the 95 % to the 5 % quantile (of the longer side, or of width / height) from which
resizing to one square treats pictures noticeably differently."""


def check(evidence: LookEvidence) -> Iterable[Finding]:
    """One remark where sizes or shapes spread by more than a factor of two."""
    if not len(evidence.dataset):
        return
    size = dimensions(evidence.dataset.table)
    longer = np.maximum(size["height"], size["width"])
    spread, shape_spread = _spread(longer), _spread(size["aspect ratio"])
    if max(spread, shape_spread) < SPOKEN_SPREAD:
        return
    distinct = len(np.unique(np.stack([size["height"], size["width"]], axis=1), axis=0))
    yield Finding(
        code="mixed-sizes",
        severity="info",
        confidence=1.0,
        message=_message(distinct, longer),
        evidence={
            "distinct": distinct,
            "size_spread": spread,
            "shape_spread": shape_spread,
            "spoken_spread": SPOKEN_SPREAD,
            "height": _quantiles(size["height"]),
            "width": _quantiles(size["width"]),
            "aspect_ratio": _quantiles(size["aspect ratio"]),
        },
    )


def _message(distinct: int, longer: NDArray[np.float64]) -> str:
    low, high = longer.min(), longer.max()
    runs = f": the longer side runs from {low:.0f} to {high:.0f} pixels"
    text = f"{distinct:,} different sizes{runs} (median {np.median(longer):.0f})"
    if low == high:
        text = f"{distinct:,} different sizes, all with a longer side of {low:.0f} pixels"
    return f"{text}; data.resize decides how they become squares."


def _spread(values: NDArray[np.float64]) -> float:
    low, high = np.quantile(values, [0.05, 0.95])
    return float(high / max(low, 1e-9))


def _quantiles(values: NDArray[np.float64]) -> list[float]:
    """Least, 5 %, median, 95 % and largest."""
    return [float(value) for value in np.quantile(values, [0, 0.05, 0.5, 0.95, 1])]
