"""Single changes that several families prescribe; each yields nothing where it does not apply."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from phoropter.core.recipe import Recipe
from phoropter.core.records import Prescription
from phoropter.diagnosis.evidence import RunEvidence
from phoropter.improvement.prescriptions.batch import matching_rate
from phoropter.improvement.prescriptions.making import (
    is_frozen,
    is_small_net,
    prescription,
    sees_images,
)
from phoropter.improvement.prescriptions.priors import PRIORS

PRESETS = ("none", "light", "medium", "strong")
FINE_TUNE_LR = {  # the pretrained layers' rate
    "adagrad": 3e-3,
    "adam": 3e-4,
    "adamax": 6e-4,
    "adamw": 3e-4,
    "momentum": 3e-3,
    "nesterov": 3e-3,
    "rmsprop": 3e-4,
    "sgd": 3e-2,
}
FEW_OF_A_CLASS = 20  # training samples; measured of twelve
VARIED_COST = 1.2  # of a pass whose images are varied more, against one whose are less
FINE_TUNE_BATCH = 32  # that those rates are for
SHORT_BATCH = 16  # so that a few passes are enough steps
TUNING_BATCHES = (64, 32)
STEPS_A_PASS = 100  # enough for batches to be larger, which take less time an image
TUNING_SIDES = (224, 160, 128, 96, 64)
SMALLER = 0.75  # of the side: little more than half of the work; assumed of the gain as well
FINE_TUNE_EPOCHS = 15
UPPER_EPOCHS = 5
UPPER_SHARE = 0.1  # of the error: half of what all layers may bring
UPPER_PASS_COST = 1.5  # backward ends where the frozen layers begin
LOWER_LAYERS = 0.7
"""Share of the layers that stay as they are: of EfficientNet-Lite0 most of the work of a step."""
PASS_COST = 3.0  # forward and backward, against one forward pass for frozen features
LEAST_WIDTH, LEAST_UNITS, MAX_WIDTH = 32, 128, 512
"""Channels, units of a perceptron. Of six networks of one stage or four units that underfitted by
planting, 32 of either brought back .82 to .97 of what was lost; these, with a second stage, all."""
WIDE_ENOUGH_PX = 128  # pretrained trunks see little below it
PATCH_PX = 32  # strides of 32 leave one cell of a smaller image


def longer(
    evidence: RunEvidence, *, factor: int = 2, share: float | None = None
) -> Iterator[Prescription]:
    """More epochs, unless patience ended the run before the epochs it had."""
    recipe = evidence.recipe
    if evidence.summary.stopped_by == "patience":
        return
    epochs = min(recipe.train.epochs * factor, 100_000)
    words = f"Train for {epochs} epochs instead of {recipe.train.epochs}."
    change = {"train.epochs": epochs}
    yield prescription(evidence, "longer", change, words, cost=float(factor), share=share)


def longer_and_varied(
    evidence: RunEvidence, *, factor: int, share: float | None = None
) -> Iterator[Prescription]:
    """Many times as many epochs and the next stronger preset, where images are varied already.

    Long schedules are learnt by heart unless the images vary more (Touvron et al. 2021; Wightman,
    Touvron and Jegou 2021).
    """
    recipe = evidence.recipe
    level = PRESETS.index(recipe.data.augment.preset)
    stronger = 0 < level < len(PRESETS) - 1 and sees_images(recipe)
    if evidence.summary.stopped_by == "patience" or not stronger:
        return
    if evidence.summary.schema.kind != "classes":
        return
    epochs = min(recipe.train.epochs * factor, 100_000)
    preset = PRESETS[level + 1]
    yield prescription(
        evidence,
        "longer",
        {"train.epochs": epochs, "data.augment.preset": preset},
        f"Train for {epochs} epochs instead of {recipe.train.epochs}, and vary the images more "
        f"({preset!r}).",
        cost=factor * VARIED_COST,
        share=share,
    )


def more_augmentation(evidence: RunEvidence) -> Iterator[Prescription]:
    """The next stronger preset, from none "medium"; for numbers, which turning may change, "light".

    Of a hundred images, "medium" brought small networks on digits twice as far as "light" (.897 to
    .948 and .907, .735 to .875 and .820), "strong" no farther. Of a handful a class it did: of
    twelve, 19 small networks scored .787 without, .843 with "medium", .866 with "strong" (13 of
    them more than with "medium", five less, at most .03).
    """
    recipe = evidence.recipe
    level = PRESETS.index(recipe.data.augment.preset)
    if not sees_images(recipe) or level + 1 == len(PRESETS):
        return
    classes = evidence.summary.schema.kind == "classes"
    if level > 0 and not classes:
        return
    preset = PRESETS[level + 1]
    if level == 0 and classes:
        preset = "strong" if _a_handful_each(evidence) else "medium"
    yield prescription(
        evidence,
        "augment",
        {"data.augment.preset": preset},
        f"Vary the training images more: augmentation {preset!r} instead of {PRESETS[level]!r}.",
        cost=1.2,
        share=0.1 / (level + 1),  # each further level brings less
    )


def _a_handful_each(evidence: RunEvidence) -> bool:
    """Whether a network from scratch has a few training samples of each class."""
    counts = evidence.summary.schema.counts
    return not evidence.recipe.model.pretrained and 0 < max(counts, default=0) <= FEW_OF_A_CLASS


def less_augmentation(evidence: RunEvidence) -> Iterator[Prescription]:
    """The next weaker preset."""
    level = PRESETS.index(evidence.recipe.data.augment.preset)
    if level == 0 or not sees_images(evidence.recipe):
        return
    yield prescription(
        evidence,
        "less-regularisation",
        {"data.augment.preset": PRESETS[level - 1]},
        f"Vary the training images less: augmentation {PRESETS[level - 1]!r}.",
    )


def fine_tune(evidence: RunEvidence) -> Iterator[Prescription]:
    """More layers than the head alone, with the rates that this needs: one idea, some keys.

    At the images' size, and at a smaller one for where there is no time for that.
    """
    recipe = evidence.recipe
    if not is_frozen(recipe) or not _is_network(evidence):
        return
    samples = sum(evidence.summary.schema.counts)
    tuned = fine_tuning(recipe, samples=samples)
    epochs, rate = tuned["train.epochs"], tuned["train.lr"]
    for side, share in _sides_to_tune(recipe.data.size):
        work = (side / recipe.data.size) ** 2
        smaller = {} if side == recipe.data.size else {"data.size": side}
        words = f", on images of {side} px" if smaller else ""
        upper = {"train.frozen": LOWER_LAYERS, "train.epochs": min(epochs, UPPER_EPOCHS)}
        yield prescription(
            evidence,
            "finetune",
            {**tuned, **upper, **smaller},
            f"Train the upper layers too, at a small rate ({rate:g}) and from a head that is "
            f"fitted on the frozen features{words}.",
            cost=UPPER_PASS_COST * upper["train.epochs"] * work,
            share=share * UPPER_SHARE,
        )
        yield prescription(
            evidence,
            "finetune",
            {**tuned, **smaller},
            f"Train all layers instead of the head alone, at a small rate ({rate:g}) and from a "
            f"head that is fitted on the frozen features{words}.",
            cost=PASS_COST * epochs * work,
            share=share * PRIORS["finetune"].share,
        )


def _sides_to_tune(side: int) -> Iterator[tuple[int, float]]:
    """Sides of the images for fine-tuning, and what is left of its gain at each."""
    yield side, 1.0
    smaller = next((one for one in TUNING_SIDES if one <= SMALLER * side), None)
    if smaller is not None:
        yield smaller, SMALLER


def fine_tuning(recipe: Recipe, *, samples: int) -> dict[str, Any]:
    """What is to be changed of a recipe for frozen features so that it trains all layers.

    Args:
        recipe: Of a head on frozen features.
        samples: For training: of many, batches are larger, for there are steps enough.
    """
    batch = recipe.train.batch_size
    fitting = next((size for size in TUNING_BATCHES if size * STEPS_A_PASS <= samples), SHORT_BATCH)
    used = min(batch, fitting) if isinstance(batch, int) else fitting
    usual = recipe.changed({"train.lr": FINE_TUNE_LR[recipe.train.optimizer]})
    plain = recipe.data.augment.preset == "none"
    thinned = recipe.data.most_of_class is not None  # so that a head does not outweigh rare classes
    return {
        "model.transfer": "finetune",
        **({"data.most_of_class": None} if thinned else {}),
        # Of CIFAR-10 at 64 px all training images were learnt by heart in six passes without it.
        "data.augment.preset": "light" if plain else recipe.data.augment.preset,
        "train.lr": matching_rate(usual, used, of=FINE_TUNE_BATCH),
        "train.head_start": True,
        "train.warmup": max(recipe.train.warmup, 0.1),
        "train.batch_size": used,
        "train.epochs": min(recipe.train.epochs, FINE_TUNE_EPOCHS),
    }


def pretrained_trunk(evidence: RunEvidence) -> Iterator[Prescription]:
    """A pretrained trunk under a new head instead of a small network from scratch."""
    from phoropter.models.offline_weights import weights_file

    recipe = evidence.recipe
    if not is_small_net(recipe) or recipe.data.size < PATCH_PX or weights_file() is None:
        return
    change = on_pretrained(size=max(recipe.data.size, WIDE_ENOUGH_PX))
    if recipe.model.weights is not None:
        change["model.weights"] = None  # a file of the small network's
    yield prescription(
        evidence,
        "pretrained",
        change,
        "Put a linear layer on the features of a pretrained network instead of training a small "
        "one from scratch.",
        cost=2.0,
    )


def on_pretrained(*, size: int) -> dict[str, Any]:
    """What is to be changed of a small network's recipe so that it is a head on frozen features."""
    return {
        "model.name": "efficientnet_lite0",
        "model.pretrained": True,
        "model.transfer": "features",
        "data.size": size,
        "data.channels": 3,
        "data.normalize": "weights",
        "data.augment.preset": "none",
        "train.optimizer": "adamw",
        "train.lr": 3e-3,
    }


def wider(evidence: RunEvidence) -> Iterator[Prescription]:
    """Twice the width of a small network, or one more stage where it is wide already.

    Of a narrow network that has one stage of channels alone, both.
    """
    recipe = evidence.recipe
    if not is_small_net(recipe):
        return
    width, units = recipe.model.width, recipe.model.name == "mlp"
    if width < MAX_WIDTH:
        least = LEAST_UNITS if units else LEAST_WIDTH
        new = min(max(width * (4 if width < 16 else 2), least), MAX_WIDTH)
        change, words = {"model.width": new}, f"a width of {new} instead of {width}"
        if not units and width < LEAST_WIDTH and recipe.model.depth == 1:
            change, words = change | {"model.depth": 2}, f"{words}, and a second stage"
    elif recipe.model.depth < 6:
        change = {"model.depth": recipe.model.depth + 1}
        words = f"{recipe.model.depth + 1} layers instead of {recipe.model.depth}"
    else:
        return
    yield prescription(evidence, "wider", change, f"Give the network more room: {words}.", cost=3.0)


def smaller(evidence: RunEvidence) -> Iterator[Prescription]:
    """Half the width of a small network."""
    width = evidence.recipe.model.width
    if not is_small_net(evidence.recipe) or width < 16:
        return
    yield prescription(
        evidence,
        "smaller",
        {"model.width": width // 2},
        f"Give the network less room: a width of {width // 2} instead of {width}.",
        cost=0.5,
    )


def larger_images(evidence: RunEvidence) -> Iterator[Prescription]:
    """More pixels; twice as many for networks whose input size is free."""
    recipe = evidence.recipe
    size = recipe.data.size * 4 // 3 // PATCH_PX * PATCH_PX
    if recipe.data.size < WIDE_ENOUGH_PX or not recipe.data.size < size <= 512:
        return
    yield prescription(
        evidence,
        "larger-images",
        {"data.size": size},
        f"Show the network more detail: {size} px instead of {recipe.data.size} px.",
        cost=(size / recipe.data.size) ** 2,
    )


def mirrored_views(evidence: RunEvidence) -> Iterator[Prescription]:
    """Each image and its mirror image, averaged."""
    from phoropter.models.catalog import frozen_trunk

    recipe = evidence.recipe
    seen = sees_images(recipe) or frozen_trunk(recipe) not in {"", "pixels"}
    if recipe.predict.tta > 1 or not recipe.data.augment.flip or not seen:
        return
    yield prescription(
        evidence,
        "mirror",
        {"predict.tta": 2},
        "Average the predictions for each image and its mirror image.",
        cost=1.0,
    )


def mixed_samples(evidence: RunEvidence) -> Iterator[Prescription]:
    """MixUp with Beta(0.2, 0.2)."""
    recipe = evidence.recipe
    mixing = max(recipe.data.augment.mixup, recipe.data.augment.cutmix)
    if mixing > 0 or not sees_images(recipe) or evidence.summary.schema.kind != "classes":
        return
    yield prescription(
        evidence,
        "mixup",
        {"data.augment.mixup": 0.2},
        "Train on mixtures of two images and their labels (MixUp, 0.2).",
    )


def more_data(evidence: RunEvidence) -> Iterator[Prescription]:
    """Advice: the cure that only people can bring."""
    counts = evidence.summary.schema.counts
    number = f"{sum(counts)} more samples" if counts else "as many samples again"
    yield prescription(
        evidence, "more-data", {}, f"Collect and label more data: {number} would double them."
    )


def _is_network(evidence: RunEvidence) -> bool:
    from phoropter.models.catalog import is_classic

    return not is_classic(evidence.recipe.model.name)
