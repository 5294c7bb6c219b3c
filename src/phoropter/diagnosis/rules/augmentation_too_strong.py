"""Training images that are varied until they can no longer be learnt from."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from phoropter.core.recipe import AugmentRecipe
from phoropter.core.records import Finding
from phoropter.diagnosis.evidence import RunEvidence
from phoropter.diagnosis.scores import gap
from phoropter.diagnosis.signals import chance_loss, curve

HARDER = 0.25  # loss that the variation adds, in units of a constant prediction's
MOST_OF_IT = 0.5  # likewise: the running loss itself, at the end
LOW_SKILL = 0.8  # of the way from a constant prediction to a perfect one, on plain training samples
ERRORS = 2.0  # standard errors of the training score, and of the gap
SMALL_GAP = 0.05  # training score minus validation score: there is no overfitting to be fought


def rule(evidence: RunEvidence) -> Iterator[Finding]:
    """Speaks if varied images are far harder than plain ones, and even those are not learnt.

    That varied images are harder is the purpose of varying them. It is too much where the model
    falls short on its plain training images without overfitting them.
    """
    level, found = chance_loss(evidence), gap(evidence)
    if level is None or level <= 0 or found is None or not _varied(evidence):
        return
    running, plain = curve(evidence, "running_loss"), curve(evidence, "train_loss")
    if len(running) < 3 or len(plain) < 3:
        return
    varied = float(np.median(running.values[-3:])) / level
    excess = varied - float(np.median(plain.values[-3:])) / level
    learnt = found.train.skill + ERRORS * found.train.error >= LOW_SKILL
    fits = found.value > max(SMALL_GAP, ERRORS * found.error)
    if excess < HARDER or varied < MOST_OF_IT or learnt or fits:
        return
    yield Finding(
        "augmentation-too-strong",
        "warning",
        0.8,
        "The training images are varied too much: the loss on them is "
        f"{excess * level:.2g} above that on the plain ones, of which the model gets only "
        f"{found.train.value:.1%} right.",
        {
            "running_loss": varied * level,
            "excess": excess * level,
            "chance_loss": level,
            "train_score": found.train.value,
            "val_score": found.val.value,
        },
    )


def _varied(evidence: RunEvidence) -> bool:
    """Whether the images were varied, by anything but mixing, whose loss is high by design."""
    recipe = evidence.recipe
    augment = recipe.data.augment
    mixed = augment.mixup > 0 or augment.cutmix > 0 or recipe.train.label_smoothing > 0
    plain = AugmentRecipe(flip=augment.flip)
    return not mixed and augment != plain and not evidence.summary.features
