"""Objects of few pixels, as the network will see them."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import polars as pl
from numpy.typing import NDArray

from phoropter.core.records import Finding, Prescription, Severity
from phoropter.look.box_faults import sound
from phoropter.look.evidence import LookEvidence
from phoropter.look.objects import INPUT_PX, SMALL_AREA_PX

CELL_PX = 8
"""Finest step of usual detectors (stride 8): an object smaller than a cell is at best a point."""

SPOKEN_SHARE = 0.25
WARNING_SHARE = 0.25


def check(evidence: LookEvidence) -> Iterable[Finding]:
    """One finding where many objects are small at the network's input size."""
    if evidence.objects is None:
        return
    objects = sound(evidence.objects)
    if not objects.height:
        return
    scale = INPUT_PX / pl.max_horizontal("image_width", "image_height")
    sizes = objects.select(side=(pl.col("width") * pl.col("height")).sqrt(), scaled=scale)
    own = sizes["side"].to_numpy()
    seen = own * sizes["scaled"].to_numpy()
    small = float((seen**2 < SMALL_AREA_PX).mean())
    below = float((seen < CELL_PX).mean())
    if small < SPOKEN_SHARE and below < WARNING_SHARE:
        return
    severity: Severity = "warning" if below >= WARNING_SHARE else "info"
    yield Finding(
        code="tiny-objects",
        severity=severity,
        confidence=1.0,
        message=(
            f"{small:.0%} of the objects are small (under 32 x 32 pixels) with the image's longer "
            f"side at {INPUT_PX} pixels, {below:.0%} under {CELL_PX} x {CELL_PX}; half of them "
            f"are under {np.median(seen):.0f} x {np.median(seen):.0f}."
        ),
        evidence={
            "objects": objects.height,
            "input_px": INPUT_PX,
            "small_share": small,
            "small_share_as_stored": float((own**2 < SMALL_AREA_PX).mean()),
            "under_a_cell": below,
            "cell_px": CELL_PX,
            "warning_share": WARNING_SHARE,
            "median_side_px": float(np.median(seen)),
            "median_side_as_stored_px": float(np.median(own)),
        },
        prescriptions=_prescriptions(seen) if severity == "warning" else (),
    )


def _prescriptions(seen: NDArray[np.float64]) -> tuple[Prescription, ...]:
    factor = float(CELL_PX / max(float(np.quantile(seen, WARNING_SHARE)), 1e-6))
    wanted = int(np.ceil(INPUT_PX * factor / 32) * 32)
    return (
        Prescription(
            change={},
            advice=f"Give the network the images at {wanted} pixels, or in overlapping tiles.",
            expected_gain=None,
            cost=factor**2,
            why="What is smaller than a cell of the network's finest grid is hardly found and "
            "never measured well.",
        ),
    )
