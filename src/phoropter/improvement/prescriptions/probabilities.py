"""Cures of probabilities that do not come true."""

from __future__ import annotations

from collections.abc import Iterator

from phoropter.core.records import Finding, Prescription
from phoropter.diagnosis.evidence import RunEvidence
from phoropter.improvement.prescriptions import answers, changes, restraints
from phoropter.improvement.prescriptions.making import advice, prescription


def miscalibrated(finding: Finding, evidence: RunEvidence) -> Iterator[Prescription]:
    """A temperature alone, as it is nearly free and touches nothing else.

    Where it has one already: softer targets for a model too sure of itself, or harder ones. The
    accuracy is expected to change little; it is the proper score that shows the cure.
    """
    scaled = tuple(answers.temperature(evidence))
    yield from scaled or _other_targets(finding, evidence)
    yield advice(
        "Do not use the probabilities as they are for decisions that weigh costs.",
        why="Their calibration error exceeds what sampling explains (Guo et al. 2017).",
        cost=0.0,
    )


def _other_targets(finding: Finding, evidence: RunEvidence) -> Iterator[Prescription]:
    if float(finding.evidence.get("overconfidence", 0.0)) > 0:
        yield from restraints.smoother_labels(evidence)
        yield from changes.mixed_samples(evidence)
        yield from changes.more_augmentation(evidence)
        yield from restraints.more_weight_decay(evidence)
    else:
        yield from _harder(evidence)
        yield from changes.longer(evidence)


def _harder(evidence: RunEvidence) -> Iterator[Prescription]:
    recipe = evidence.recipe
    for key, value, words in (
        ("train.label_smoothing", recipe.train.label_smoothing, "label smoothing"),
        ("data.augment.mixup", recipe.data.augment.mixup, "MixUp"),
        ("data.augment.cutmix", recipe.data.augment.cutmix, "CutMix"),
    ):
        if value > 0:
            yield prescription(evidence, "sharp-labels", {key: 0.0}, f"Train without {words}.")
