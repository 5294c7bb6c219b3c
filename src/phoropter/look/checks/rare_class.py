"""Classes with too few samples to learn from or to measure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from phoropter.core.records import Finding, Prescription
from phoropter.look.evidence import LookEvidence
from phoropter.look.listing import counted, listed
from phoropter.look.wording import wording

SPOKEN_HALF_WIDTH = 0.2
WARNING_HALF_WIDTH = 0.3
"""Half width of the 95 % interval of a class's recall. At 0.3 (7 samples) a recall of one half
cannot be told from 0.2 or 0.8, and one sample more or less moves it by 14 points."""

FEWEST_TO_LEARN = 5

SURELY_DEALT = 7.0
"""Samples that a part should have of a class by its size; by chance it gets none of them once in a
thousand draws."""


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


@dataclass(frozen=True, slots=True)
class ClassSize:
    """Samples of one class: all, in training, and in the held-out part that has the fewest.

    Args:
        name: Of the class.
        samples: All.
        train: In training.
        held_out: In the held-out part that has the fewest.
        absent: Whether a part has none although chance would have dealt it some.
    """

    name: str
    samples: int
    train: int
    held_out: int
    absent: bool

    @property
    def rare(self) -> bool:
        """Whether it is worth a word."""
        return self.severe or half_width(self.held_out) > SPOKEN_HALF_WIDTH

    @property
    def severe(self) -> bool:
        """Whether it can hardly be learnt, or what was learnt hardly be measured."""
        return self.train < FEWEST_TO_LEARN or half_width(self.held_out) > WARNING_HALF_WIDTH


def check(evidence: LookEvidence) -> Iterable[Finding]:
    """One finding for all classes that are too small in training or in a held-out part."""
    if evidence.labels is None:
        return
    rare = [size for size in _sizes(evidence.labels, evidence.parts) if size.rare]
    if not rare:
        return
    rare.sort(key=lambda size: (not size.absent, size.held_out, size.samples, size.name))
    severe = any(size.severe for size in rare)
    absent = sum(size.absent for size in rare)
    yield Finding(
        code="rare-class",
        severity="critical" if absent else "warning" if severe else "info",
        confidence=1.0,
        message=_absent(rare[0], absent) if absent else _message(rare),
        evidence={
            "count": len(rare),
            "absent": absent,
            "classes": listed(
                {
                    "class": size.name,
                    "samples": size.samples,
                    "train": size.train,
                    "held_out": size.held_out,
                    "half_width": half_width(size.held_out),
                }
                for size in rare
            ),
            "warning_half_width": WARNING_HALF_WIDTH,
            "fewest_to_learn": FEWEST_TO_LEARN,
        },
        prescriptions=_prescriptions(evidence, rare[0].name) if severe else (),
    )


def _sizes(labels: NDArray[np.str_], parts: NDArray[np.str_]) -> list[ClassSize]:
    held_out = [part for part in ("val", "test") if (parts == part).any()]
    known = ["train", *held_out] if held_out else []
    shares = {part: float(np.mean(parts == part)) for part in known}
    sizes = []
    for name in np.unique(labels[labels != ""]):
        mine = labels == name
        samples = int(mine.sum())
        sizes.append(
            ClassSize(
                name=str(name),
                samples=samples,
                train=int((mine & (parts == "train")).sum()) if held_out else samples,
                held_out=min(
                    (int((mine & (parts == part)).sum()) for part in held_out), default=samples
                ),
                absent=any(
                    share * samples >= SURELY_DEALT and not (mine & (parts == part)).any()
                    for part, share in shares.items()
                ),
            )
        )
    return sizes


def _message(rare: list[ClassSize]) -> str:
    first = rare[0]
    return (
        f"{counted(len(rare), 'class', 'classes')} with few samples: {first.name!r} has "
        f"{first.samples:,}, of which {first.train:,} train and {first.held_out:,} measure it; "
        f"its recall is known to within ±{half_width(first.held_out):.0%} at best."
    )


def _absent(first: ClassSize, count: int) -> str:
    where = "train" if first.train == 0 else "measure it"
    return (
        f"{counted(count, 'class', 'classes')} missing from a part: none of the {first.samples:,} "
        f"samples of {first.name!r} {where}; the parts were not drawn by chance."
    )


def _prescriptions(evidence: LookEvidence, name: str) -> tuple[Prescription, ...]:
    samples = wording(evidence.dataset).samples
    return (
        Prescription(
            change={},
            advice=f"Collect more {samples} of the listed classes, {name!r} first, or merge them "
            "with classes they are not told apart from in use.",
            expected_gain=None,
            cost=1.0,
            why="No training can make up for a class that is hardly seen, and no metric for one "
            "that is hardly measured.",
        ),
    )
