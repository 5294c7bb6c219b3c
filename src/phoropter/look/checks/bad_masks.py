"""Masks of whole images that are not what a mask should be."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from phoropter.core.records import Dataset, Finding, Prescription, Severity
from phoropter.look.evidence import LookEvidence
from phoropter.look.listing import counted, listed
from phoropter.look.mask_alignment import misplaced
from phoropter.look.masks import MeasuredMask

CRITICAL_SHARE = 0.05
"""Share of masks with a fault from which the way they were made is to blame, not a slip."""

SMEARED = 0.15
SMEARED_RATIO = 5.0
"""Edges that go through a value in between: from this share, and this many times the set's median.
Masks drawn by people have 1 to 3 % of such edges, enlarged with blending 30 % and more."""

FEWEST_CLASSES = 3
"""Where masks usually hold so many classes, one that holds a single one is worth a look."""

LOSSY = ("JPEG", "MPO")

_NAMED = 6


def check(evidence: LookEvidence) -> Iterable[Finding]:
    """One finding for all masks that cannot be read, do not fit their image, or hold odd values."""
    masks = evidence.masks
    if not masks:
        return
    faults = _faults(evidence, masks)
    if not faults:
        return
    rows = sorted({row for row, _, _ in faults})
    share = len(rows) / len(masks)
    severity: Severity = "critical" if share >= CRITICAL_SHARE else "warning"
    kinds: dict[str, int] = {}
    for _, kind, _ in faults:
        kinds[kind] = kinds.get(kind, 0) + 1
    most = sorted(kinds, key=lambda kind: -kinds[kind])[:_NAMED]
    named = ", ".join(f"{kind} ({kinds[kind]:,})" for kind in most)
    yield Finding(
        code="bad-masks",
        severity=severity,
        confidence=1.0,
        message=(
            f"{counted(len(rows), 'mask')} of {len(masks):,} ({share:.1%}) "
            f"{'is' if len(rows) == 1 else 'are'} not sound: {named}."
        ),
        evidence={
            "masks": len(masks),
            "bad": len(rows),
            "share": share,
            "critical_share": CRITICAL_SHARE,
            "kinds": kinds,
            "files": listed(
                {
                    "id": str(evidence.ids[row]),
                    "path": masks[row].path,
                    "kind": kind,
                    "why": why,
                }
                for row, kind, why in faults
            ),
        },
        prescriptions=(_PRESCRIPTION,),
    )


_PRESCRIPTION = Prescription(
    change={},
    advice="Make the listed masks anew, or leave their images out.",
    expected_gain=None,
    cost=0.0,
    why="A mask that is shifted, blended or of another image teaches the network what is not "
    "there, and the metric counts its right answers as wrong.",
)

_Fault = tuple[int, str, str]


def _faults(evidence: LookEvidence, masks: tuple[MeasuredMask, ...]) -> list[_Fault]:
    """Row, kind and words of each fault, by row; a mask has the first that applies."""
    table = evidence.dataset.table
    sizes = list(zip(table["height"], table["width"], strict=True))
    found: dict[int, _Fault] = {}
    for row, (mask, size) in enumerate(zip(masks, sizes, strict=True)):
        own = _of_itself(mask, size)
        if own:
            found[row] = (row, *own)
    dataset = evidence.dataset
    for fault in (
        *_of_other_kind(masks),
        *_of_values(dataset, masks),
        *_smeared(masks),
        *_of_one_class(dataset, masks),
    ):
        found.setdefault(fault[0], fault)
    pairs = [
        (row, (path, mask.path))
        for row, (path, mask) in enumerate(zip(table["path"], masks, strict=True))
        if row not in found
    ]
    for item in misplaced(evidence.dataset.root, [p for _, p in pairs], seed=evidence.seed):
        row = pairs[item.row][0]
        found[row] = (row, *_displaced(item.shift, item.own, item.usual))
    return [found[row] for row in sorted(found)]


def _displaced(shift: tuple[int, int] | None, own: float, usual: float) -> tuple[str, str]:
    fit = f"its edges follow the picture's by {own:.2f}, usual are {usual:.2f}"
    if shift is None:
        return "does not show its image", f"{fit}: of another image?"
    return "shifted", f"{shift[0]} pixels down and {shift[1]} to the right of its image; {fit}"


def _of_itself(mask: MeasuredMask, size: tuple[int, int]) -> tuple[str, str] | None:
    """What is wrong with a mask whatever the others are like."""
    if mask.fault:
        return "cannot be read", mask.fault
    if (mask.height, mask.width) != size:
        turned = ", turned" if (mask.width, mask.height) == size else ""
        has = f"{mask.height} x {mask.width} for an image of {size[0]} x {size[1]}"
        return "not of its image's size", f"{has}{turned}"
    if mask.format in LOSSY:
        return "compressed with loss", f"a {mask.format} changes the values of classes"
    return None


def _of_other_kind(masks: tuple[MeasuredMask, ...]) -> Iterator[_Fault]:
    """Colours among numbers or numbers among colours."""
    colours = np.array([mask.colour for mask in masks])
    several = np.array([len(mask.values) > 1 for mask in masks])
    usual = bool(colours[several].mean() > 0.5) if several.any() else False
    for row in np.flatnonzero((colours != usual) & several):
        kinds = ("colours", "numbers") if not usual else ("numbers", "colours")
        yield int(row), "of another kind", f"{kinds[0]} where the others hold {kinds[1]}"


def _of_values(dataset: Dataset, masks: tuple[MeasuredMask, ...]) -> Iterator[_Fault]:
    """Values that are no class."""
    known = {*(dataset.class_ids or range(len(dataset.classes))), *dataset.ignored_ids}
    for row, mask in enumerate(masks):
        unknown = [value for value in mask.values if value not in known]
        if unknown:
            pixels = sum(n for v, n in zip(mask.values, mask.counts, strict=True) if v in unknown)
            share = pixels / (mask.height * mask.width)
            few = ", ".join(str(value) for value in unknown[:5])
            yield row, "holds values of no class", f"{few} in {share:.1%} of its pixels"


def _smeared(masks: tuple[MeasuredMask, ...]) -> Iterator[_Fault]:
    """Edges blended by resizing."""
    usual = float(np.median([mask.smear for mask in masks]))
    for row, mask in enumerate(masks):
        if mask.smear > max(SMEARED, SMEARED_RATIO * usual):
            why = f"{mask.smear:.0%} of its edges go through a value in between, usual {usual:.0%}"
            yield row, "blended edges", why


def _of_one_class(dataset: Dataset, masks: tuple[MeasuredMask, ...]) -> Iterator[_Fault]:
    """A single class where others have several, and masks that only say on or off."""
    ignored = set(dataset.ignored_ids)
    shown = [[value for value in mask.values if value not in ignored] for mask in masks]
    if np.median([len(values) for values in shown]) < FEWEST_CLASSES:
        return
    for row, (mask, values) in enumerate(zip(masks, shown, strict=True)):
        if mask.values == (0, 255):
            yield row, "only on and off", "0 and 255 where the others hold the numbers of classes"
        elif len(values) < 2 and len(mask.values) == 1:
            yield row, "one value everywhere", f"all its pixels are {mask.values[0]}"
