"""A variation of training images that makes another class of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from phoropter.core.predictions import ClassPredictions
from phoropter.core.records import Finding
from phoropter.diagnosis.evidence import RunEvidence
from phoropter.diagnosis.gates import failed

SHOWN = 3
CONFUSED = 2.5
"""Times what other classes are confused with each other. Of six networks that learnt from quarter
turns of digits the confusion of sixes and nines was 3.4 to 24 times as much; of 26 that learnt from
mirrored boots, which are nearest to bags and are none, that of boots and bags less than twice."""


def rule(evidence: RunEvidence) -> Iterator[Finding]:
    """Speaks if the gate "label-breaking-augmentation" did not pass.

    An "info" if the network learnt from the varied images and tells the classes apart all the same.
    """
    for gate in failed(evidence, "label-breaking-augmentation"):
        lost = gate.evidence["lost"]
        broken = [item for item in lost if _confused(evidence.train_predictions, item)]
        cases = "; ".join(
            f"{item['kind']} turns {item['taken']} of {item['samples']} '{item['class']}' into "
            f"'{item['becomes']}'"
            for item in (broken or lost)[:SHOWN]
        )
        message = (
            f"Augmentation makes other classes of training images: {cases}."
            if broken
            else f"Augmentation may make other classes of training images: {cases}; but the "
            "network tells these classes apart."
        )
        yield Finding(
            "label-breaking-augmentation",
            "warning" if broken else "info",
            0.95 if broken else 0.5,
            message,
            {"measured": gate.measured, "expected": gate.expected, **gate.evidence},
        )


def _confused(predictions: object, lost: Mapping[str, Any]) -> bool:
    """Whether the network gives samples of the second class to the first one, more than others.

    Where images of one class were made to look like another, and kept their label, a network can
    only spread its belief. Nothing is known of two classes, and of networks that were not asked:
    then what the images look like decides.
    """
    if not isinstance(predictions, ClassPredictions):
        return True
    first, second = (predictions.classes.index(lost[name]) for name in ("class", "becomes"))
    mean = {
        label: predictions.probabilities[predictions.truth == label].mean(axis=0)
        for label in np.unique(predictions.truth).tolist()
    }
    others = [
        mean[true][other]
        for true in mean
        for other in mean
        if other != true and {true, other} != {first, second}
    ]
    if second not in mean or not others:
        return True
    return bool(mean[second][first] >= CONFUSED * np.mean(others))
