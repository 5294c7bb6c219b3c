"""Training images that are varied until they can no longer be learnt from."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from phoropter.core.augment_recipe import AugmentRecipe
from phoropter.core.records import Finding
from phoropter.diagnosis.evidence import RunEvidence
from phoropter.diagnosis.gates import MIRROR
from phoropter.diagnosis.norms import usual_rates
from phoropter.diagnosis.passes import in_training_and_in_use, loss_left
from phoropter.diagnosis.scores import Gap, gap
from phoropter.diagnosis.signals import chance_loss

SHOWN = 0.5  # of what is known of plain images, the share that varied ones still show
KNOWN = 0.03  # loss below a constant prediction's on plain images, in units of the latter
LOW_SKILL = 0.8  # of the way from a constant prediction to a perfect one, on plain training samples
FITTED_SKILL = 0.95  # likewise: what is short of it has not been learnt by heart
ERRORS = 2.0  # standard errors of the training score, and of the gap
SMALL_GAP = 0.05  # training score minus validation score: there is no overfitting to be fought
NOTHING = 0.95  # of the loss of a constant prediction: above it nothing was learnt
UNKNOWN = 0.15  # of what neighbours know of plain images; presets leave more, even of digits
MOST_OPS = 3  # of RandAugment (Cubuk et al. 2020 searched from one to three)
UNKNOWN_IF_IDLE = 0.25
"""Likewise, where nothing was learnt at a usual rate. On 20 sets and sizes the presets left .59 and
more, eight operations at full strength .19 at most."""


def rule(evidence: RunEvidence) -> Iterator[Finding]:
    """Speaks if varied images show less than half of what is known of plain ones, which is little.

    That varied images are harder is the purpose of varying them. It is too much where the model
    falls short on its plain training images without overfitting them. What it knows is the loss
    that it has gained on a constant prediction. It is too much, too, if neighbours could hardly
    tell varied images before training, and the model knows nothing, or not all of its plain ones.
    """
    level = chance_loss(evidence)
    if level is None or level <= 0 or not _varied(evidence):
        return
    found = tuple(_too_hard(evidence, level)) or tuple(_unrecognised(evidence))
    yield from found or _beyond_all(evidence)


def _unrecognised(evidence: RunEvidence) -> Iterator[Finding]:
    """Speaks if neighbours, who know plain images, hardly know those of some kind of variation.

    Not of a model that has learnt its images all the same, such as one of what looks alike from
    all sides.
    """
    left, found = loss_left(evidence), gap(evidence)
    nothing = left is not None and left >= NOTHING
    if not nothing and (found is None or not _falls_short(found, FITTED_SKILL)):
        return
    gates = [gate for gate in evidence.gates if gate.name == "label-breaking-augmentation"]
    recognised = {
        kind: share
        for gate in gates
        for kind, share in gate.evidence.get("recognised", {}).items()
        if kind != MIRROR  # which leaves all of an image, whatever its neighbours look like
    }
    limit = UNKNOWN_IF_IDLE if nothing and _usual_rate(evidence) else UNKNOWN
    if not recognised or min(recognised.values()) > limit:
        return
    kind = min(recognised, key=lambda name: recognised[name])
    share = max(recognised[kind], 0.0)
    yield Finding(
        "augmentation-too-strong",
        "warning",
        0.8,
        f"The training images are varied until hardly anything is left of them ({kind}): nothing "
        f"was learnt, and {share:.0%} of what their neighbours tell of plain images they tell of "
        "varied ones."
        if nothing or found is None
        else f"The training images are varied until hardly anything is left of them ({kind}): "
        f"{share:.0%} of what their neighbours tell of plain images they tell of varied ones, and "
        f"the model gets only {found.train.value:.1%} of the plain ones right.",
        {"recognised": recognised, "unknown": limit},
    )


def _beyond_all(evidence: RunEvidence) -> Iterator[Finding]:
    """Speaks of a policy stronger than any that was of use, where nothing was learnt.

    For images that neighbours do not know unvaried either, such as textures.
    """
    left, augment = loss_left(evidence), evidence.recipe.data.augment
    idle = left is not None and left >= NOTHING and _usual_rate(evidence)
    if not idle or augment.policy != "randaugment" or augment.policy_ops <= MOST_OPS:
        return
    yield Finding(
        "augmentation-too-strong",
        "warning",
        0.6,
        f"Nothing was learnt, and {augment.policy_ops} random operations on every image are more "
        f"than RandAugment was ever of use with ({MOST_OPS}).",
        {"policy_ops": augment.policy_ops, "most_ops": MOST_OPS},
    )


def _too_hard(evidence: RunEvidence, level: float) -> Iterator[Finding]:
    found = gap(evidence)
    if found is None:
        return
    passes = in_training_and_in_use(evidence)
    if len(passes) < 3:
        return
    varied, loss = np.median(passes[-3:], axis=0).tolist()
    known, shown = level - loss, level - varied
    if known < KNOWN * level or shown > SHOWN * known or not _falls_short(found, LOW_SKILL):
        return
    yield Finding(
        "augmentation-too-strong",
        "warning",
        0.8,
        "The training images are varied too much: the loss on them is "
        f"{varied - loss:.2g} above that on the plain ones, of which the model gets only "
        f"{found.train.value:.1%} right.",
        {
            "running_loss": varied,
            "train_loss": loss,
            "chance_loss": level,
            "shown": max(shown, 0.0) / known,
            "train_score": found.train.value,
            "val_score": found.val.value,
        },
    )


def _falls_short(found: Gap, skill: float) -> bool:
    """Whether less was learnt of plain training images, and nothing is learnt by heart."""
    learnt = found.train.skill + ERRORS * found.train.error >= skill
    return not learnt and found.value <= max(SMALL_GAP, ERRORS * found.error)


def _usual_rate(evidence: RunEvidence) -> bool:
    return usual_rates(evidence.recipe).holds(evidence.recipe.train.lr)


def _varied(evidence: RunEvidence) -> bool:
    """Whether the images were varied, by anything but mixing, whose loss is high by design."""
    recipe = evidence.recipe
    augment = recipe.data.augment
    mixed = augment.mixup > 0 or augment.cutmix > 0 or recipe.train.label_smoothing > 0
    plain = AugmentRecipe(flip=augment.flip)
    usual = recipe.train.loss in {"auto", "cross_entropy", "mse"}
    return usual and not mixed and augment != plain and not evidence.summary.features
