"""Held-out pictures that come from another distribution than the training pictures."""

from __future__ import annotations

from collections.abc import Iterable
from math import ceil

import numpy as np

from phoropter.core.records import Finding, Prescription
from phoropter.look.evidence import LookEvidence
from phoropter.look.listing import LONGEST
from phoropter.look.two_samples import (
    FEWEST,
    Difference,
    TwoSamples,
    draw,
    properties_apart,
    told_apart,
)

ALPHA = 0.01
"""False alarms on a sound data set: half for the classifier, half for the properties, divided by
the number of parts looked at."""

FEWEST_SHUFFLES = 999

AREA = 0.8
GAP = 0.4
"""A difference can be certain and still be of no consequence: real parts, drawn at random or not,
hold clumps (one photographer, one room) that a classifier tells apart with areas up to 0.75. Below
these (area under the curve; largest gap of two cumulative distributions, 0.4 being a shift by one
standard deviation) nothing is said. Starting points, set on real sets with and without a shift."""


def check(evidence: LookEvidence) -> Iterable[Finding]:
    """One finding for each part (by the data's own name for it) that training does not cover."""
    parts = [name for name in np.unique(evidence.part_names[evidence.parts != "train"]) if name]
    alpha = ALPHA / (2 * max(len(parts), 1))
    shuffle_count = max(FEWEST_SHUFFLES, ceil(1 / alpha))
    for name in parts:
        samples = draw(evidence, str(name), shuffle_count)
        if samples.smaller >= FEWEST:
            yield from _findings(evidence, str(name), samples, alpha)


def _findings(
    evidence: LookEvidence, part: str, samples: TwoSamples, alpha: float
) -> Iterable[Finding]:
    classifier = told_apart(evidence, samples)
    properties = [item for item in properties_apart(evidence, samples) if item.p_value <= alpha]
    area = classifier.area if classifier.p_value <= alpha else 0.5
    gap = max((item.gap for item in properties), default=0.0)
    if area < AREA and gap < GAP:
        return
    held_out = np.flatnonzero(samples.second)
    worst = held_out[np.argsort(-classifier.scores[held_out], kind="stable")][:LONGEST]
    yield Finding(
        code="covariate-shift",
        severity="warning",
        confidence=0.95,
        message=_message(part, classifier.area, properties),
        evidence={
            "part": part,
            "area_under_curve": classifier.area,
            "p_value": classifier.p_value,
            "alpha": alpha,
            "speaking_area": AREA,
            "speaking_gap": GAP,
            "properties": [
                {
                    "name": item.name,
                    "gap": item.gap,
                    "p_value": item.p_value,
                    "train_median": item.first_median,
                    "part_median": item.second_median,
                }
                for item in properties
            ],
            "train_samples": int((~samples.second).sum()),
            "part_samples": len(held_out),
            "samples": evidence.ids[samples.rows[worst]].tolist(),
        },
        prescriptions=_prescriptions(part),
    )


def _message(part: str, area: float, properties: list[Difference]) -> str:
    text = (
        f"Pictures of {part!r} are not like the training pictures: a classifier tells the two "
        f"apart (area under the curve {area:.2f}, 0.5 is chance)"
    )
    if not properties:
        return f"{text}."
    worst = properties[0]
    return (
        f"{text}; {worst.name} most of all "
        f"(median {worst.second_median:.4g} against {worst.first_median:.4g})."
    )


def _prescriptions(part: str) -> tuple[Prescription, ...]:
    return (
        Prescription(
            change={},
            advice=f"Compare the listed pictures of {part!r} with the training pictures; add some "
            "of their kind to training, or take them out if they are not what the model is for.",
            expected_gain=None,
            cost=1.0,
            why="What is measured on pictures of another kind is not what training improves; the "
            "results of the parts must not be compared.",
        ),
    )
