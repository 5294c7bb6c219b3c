"""A variation of training images that makes another class of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from phoropter.core.predictions import ClassPredictions
from phoropter.core.records import Finding
from phoropter.diagnosis.evidence import RunEvidence
from phoropter.diagnosis.gates import MIRROR, failed
from phoropter.diagnosis.narrow import too_narrow
from phoropter.metrics.scores import log_losses

SHOWN = 3
CONFUSED = 2.5
"""Times what other classes are confused with each other. Of six networks that learnt from quarter
turns of digits the confusion of sixes and nines was 3.4 to 24 times as much; of 26 that learnt from
mirrored boots, which are nearest to bags and are none, that of boots and bags less than twice."""

PROVEN = 0.5  # of the least loss that lost labels allow, for what a few samples leave to luck


def rule(evidence: RunEvidence) -> Iterator[Finding]:
    """Speaks if the gate "label-breaking-augmentation" did not pass.

    An "info" if the network learnt from the varied images and tells the classes apart all the same,
    or is too narrow to be asked.
    """
    for gate in failed(evidence, "label-breaking-augmentation"):
        lost, narrow = gate.evidence["lost"], too_narrow(evidence)
        broken = [] if narrow else [item for item in lost if _breaks(evidence, item)]
        cases = "; ".join(
            f"{item['kind']} turns {item['taken']} of {item['samples']} '{item['class']}' into "
            f"'{item['becomes']}'"
            for item in (broken or lost)[:SHOWN]
        )
        yield Finding(
            "label-breaking-augmentation",
            "warning" if broken else "info",
            0.95 if broken else 0.5,
            _message(cases, broken=bool(broken), narrow=narrow),
            {"measured": gate.measured, "expected": gate.expected, **gate.evidence},
        )


def _message(cases: str, *, broken: bool, narrow: bool) -> str:
    if broken:
        return f"Augmentation makes other classes of training images: {cases}."
    told = f"Augmentation may make other classes of training images: {cases}; but the network "
    return told + ("is too narrow to be asked." if narrow else "tells these classes apart.")


def _breaks(evidence: RunEvidence, lost: Mapping[str, Any]) -> bool:
    return _confused(evidence.train_predictions, lost) and not _proven(evidence, lost)


def _proven(evidence: RunEvidence, lost: Mapping[str, Any]) -> bool:
    """Whether validation proves that mirrored images of one class are not among those of another.

    Were a share t of them there, with as many images of both, half of all mirrored, then of the
    images there t would be of the first class for each one of the second, and who knows that and no
    more gives the latter 1 / (1 + t): a mean loss of ln(1 + t) at least (the entropy of a mixture).
    """
    told, schema = evidence.predictions, evidence.summary.schema
    if lost["kind"] != MIRROR or not isinstance(told, ClassPredictions):
        return False
    counts = dict(zip(schema.names, schema.counts, strict=False))
    among = told.truth == told.classes.index(lost["becomes"])
    if not among.any() or not counts.get(lost["becomes"]):
        return False
    share = lost["taken"] / lost["samples"] * counts[lost["class"]] / counts[lost["becomes"]]
    return bool(log_losses(told.take(np.flatnonzero(among))).mean() < PROVEN * np.log1p(share))


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
