"""The faults: each is a function that plants one into a sound training, and says what is right.

`right` are the codes that a first finding may have. Where there are several, each names the cause
that was planted, only at different places: in the data, before training, or in its course. Names of
mere consequences (a plateau, underfitting) are not right where something else was planted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from image_sets import PARTS, ImageSet, Part, changed
from pair import Family, Pair

from phoropter.core.seed import generator

SEEN = ("train", "val")
UNEQUAL = ("class-imbalance", "majority-collapse", "rare-class", "wrong-metric")
LITTLE = 12  # images of a class
NETWORKS = Path(__file__).with_name("networks.py")


@dataclass(frozen=True, eq=False)
class Case:
    """What a run is made of: data and recipe.

    Args:
        family: Of the model.
        images: The set.
        settings: Dotted recipe keys.
    """

    family: Family
    images: ImageSet
    settings: Mapping[str, Any]

    def set(self, **keys: Any) -> Case:
        """With some recipe keys changed; `train__lr` stands for "train.lr"."""
        dotted = {key.replace("__", "."): value for key, value in keys.items()}
        return replace(self, settings={**self.settings, **dotted})

    def own(self, name: str) -> Case:
        """With a network of `networks.py`."""
        return self.set(model__name=f"{NETWORKS}:{name}")

    def shown(self, images: ImageSet) -> Case:
        """With other images."""
        return replace(self, images=images)


@dataclass(frozen=True)
class Fault:
    """A kind of fault.

    Args:
        name: Of the function that plants it.
        plant: That function.
        right: Codes of right first findings; empty for references.
        families: The models it can be planted into.
        repairable: Whether a change of the recipe can undo it.
        only: Whether a pair is fit for it.
        reference: The planting whose score is lost; "" for the sound training.
    """

    name: str
    plant: Callable[[Case], Case]
    right: frozenset[str]
    families: frozenset[Family]
    repairable: bool
    only: Callable[[Pair], bool]
    reference: str = ""

    def fits(self, pair: Pair) -> bool:
        """Whether it can be planted into this pair."""
        return pair.family in self.families and self.only(pair)


FAULTS: dict[str, Fault] = {}
NETS: tuple[Family, ...] = ("mlp", "cnn")
ALL: tuple[Family, ...] = ("mlp", "cnn", "head")
CIFAR = frozenset(f"cifar_{letter}" for letter in "abcdeg")  # of f heads lose 4 points at most
COLOURED = CIFAR | {"ants_bees", "clothes", "garments", "kerbs"}  # not streets, all but grey
COLOURED_FOR_NETS = COLOURED | {"cifar_h"}  # of h heads lose 2 points; of raccoons 1, of tiles 3
DIGITS = frozenset({"digits", "mnist", "mnist_b", "mnist_c"})


def planted(
    *right: str,
    on: tuple[Family, ...] = ALL,
    repairable: bool = False,
    only: Callable[[Pair], bool] = lambda _: True,
    reference: str = "",
) -> Callable[[Callable[[Case], Case]], Callable[[Case], Case]]:
    """Registers a planting function as a fault."""

    def register(plant: Callable[[Case], Case]) -> Callable[[Case], Case]:
        name = plant.__name__
        families = frozenset(on)
        FAULTS[name] = Fault(name, plant, frozenset(right), families, repairable, only, reference)
        return plant

    return register


@planted("lr-too-high", "diverged", repairable=True)
def rate_x100(case: Case) -> Case:
    """Both names are of the same cause: a loss that is lost for good is called diverged."""
    return case.set(train__lr=100 * case.settings["train.lr"])


@planted("lr-too-low", repairable=True)
def rate_x0001(case: Case) -> Case:
    return case.set(train__lr=case.settings["train.lr"] / 1000)


@planted("undertrained", repairable=True)
def few_epochs(case: Case) -> Case:
    return case.set(train__epochs=max(1, case.settings["train.epochs"] // 12))


@planted("underfit", "capacity-limited", on=NETS, repairable=True)
def small_network(case: Case) -> Case:
    """capacity-limited says the same where the error that nobody can avoid is known."""
    if case.family == "mlp":
        return case.set(model__width=4)
    return case.set(model__width=1, model__depth=1)


@planted(
    "overfit",
    "augmentation-too-weak",
    on=NETS,
    repairable=True,
    reference="little_data_regularised",
)
def little_data(case: Case) -> Case:
    """The lack of augmentation is a name of the cause too: it was taken away.

    Not for a head on good features: twelve images a class are enough for it.
    """
    return _little(case).set(
        data__augment__preset="none",
        train__weight_decay=0.0,
        model__dropout=0.0,
        model__width=4 * case.settings["model.width"],
    )


@planted(on=NETS)
def little_data_regularised(case: Case) -> Case:
    """What the same few images allow with the usual means; not a fault, and not judged."""
    return _little(case).set(
        train__weight_decay=0.1, model__dropout=0.5, data__augment__preset="medium"
    )


@planted("input-ignored", "label-noise", "label-errors")
def shuffled_labels(case: Case) -> Case:
    """Nothing the input shows is of use, and all labels are wrong: the gate says the former."""
    return case.shown(changed(case.images, PARTS, _shuffled, called="shuffled"))


@planted("label-noise", "label-errors")
def wrong_labels(case: Case) -> Case:
    """A fifth of the labels that are seen, those of the test part left alone; found by looking at
    the data, or by how the samples are learnt."""

    def noisy(part: Part) -> Part:
        draws = generator(0, "wrong labels", len(part.labels))
        classes = int(part.labels.max()) + 1
        wrong = draws.random(len(part.labels)) < 0.2
        shift = draws.integers(1, classes, len(part.labels))
        return Part(part.pixels, np.where(wrong, (part.labels + shift) % classes, part.labels))

    return case.shown(changed(case.images, SEEN, noisy, called="noisy-seen"))


@planted(*UNEQUAL, repairable=True, reference="undersampled_9")
def imbalance_9(case: Case) -> Case:
    """All four are names of unequal classes: by counts, by what is missed, by what hides it."""
    return case.shown(_imbalanced(case.images, 9))


@planted(*UNEQUAL, repairable=True, reference="undersampled_99")
def imbalance_99(case: Case) -> Case:
    return case.shown(_imbalanced(case.images, 99))


@planted()
def undersampled_9(case: Case) -> Case:
    """What the few images of the rare classes allow where no class outweighs them: all are as few,
    and there are as many steps. Images that are gone can be brought back by no recipe."""
    return _undersampled(case, 9)


@planted()
def undersampled_99(case: Case) -> Case:
    return _undersampled(case, 99)


@planted("preprocessing-mismatch", on=("head",), repairable=True)
def wrong_normalisation(case: Case) -> Case:
    """Pretrained weights see pixels in [0, 1] instead of what they were trained on."""
    return case.set(data__normalize="none")


@planted("preprocessing-mismatch", "loss-at-init", on=("mlp",))
def pixels_unscaled(case: Case) -> Case:
    """Numbers up to 255 where those up to 1 were meant: seen in the loss before the first step."""
    return case.own("unscaled_perceptron").set(data__normalize="none")


@planted("preprocessing-mismatch", on=("head",), only=lambda pair: pair.images in COLOURED)
def colours_swapped(case: Case) -> Case:
    """Red and blue of all images, as one library reads what another one wrote."""
    return case.shown(changed(case.images, PARTS, _swapped, called="swapped"))


@planted(
    "covariate-shift",
    "data-mismatch",
    "preprocessing-mismatch",
    only=lambda pair: pair.images in (COLOURED if pair.family == "head" else COLOURED_FOR_NETS),
)
def colours_swapped_in_val(case: Case) -> Case:
    """The same for held-out images alone: these are then unlike those of training."""
    return case.shown(changed(case.images, ("val", "test"), _swapped, called="swapped-val"))


@planted("split-leak")
def leaked_split(case: Case) -> Case:
    """Half of the validation images are in the training part too."""
    train, val = case.images.parts["train"], case.images.parts["val"]
    half = val.at(np.arange(0, len(val.labels), 2))
    both = Part(
        np.concatenate([train.pixels, half.pixels]), np.concatenate([train.labels, half.labels])
    )
    return case.shown(case.images.with_part("train", both, called=f"{case.images.name}-leaked"))


@planted("dead-activations", "no-gradient", on=NETS)
def dying_relu(case: Case) -> Case:
    """Dead units, or what they do: no gradient comes through."""
    return case.own("dead_perceptron" if case.family == "mlp" else "dead_convolutional")


@planted("vanishing-gradient", "no-gradient", on=NETS, repairable=True)
def vanishing_gradient(case: Case) -> Case:
    """Many sigmoids on one another, and nothing that restores what passes."""
    deep = {"model__depth": 8} if case.family == "mlp" else {}
    return case.set(model__activation="sigmoid", model__norm="none", **deep)


@planted("exploding-gradient", "loss-at-init", on=("mlp",))
def exploding_gradient(case: Case) -> Case:
    """An initialisation that is far too large shows in the first loss as well."""
    return case.own("loud_perceptron")


@planted("no-gradient", "underfit", "capacity-limited", on=NETS)
def frozen_trunk(case: Case) -> Case:
    """What was never trained does not learn; or: the rest is too little to fit the images."""
    return case.own("frozen_perceptron" if case.family == "mlp" else "frozen_convolutional")


@planted("covariate-shift", "data-mismatch", "rare-class", "unreadable-files")
def cut_without_shuffling(case: Case) -> Case:
    """The validation part is the end of images sorted by class: classes that training lacks.

    Their images cannot be used, which the last of the codes tells, with the class.
    """
    train, val = case.images.parts["train"], case.images.parts["val"]
    pixels = np.concatenate([train.pixels, val.pixels])
    labels = np.concatenate([train.labels, val.labels])
    order = np.argsort(labels, kind="stable")
    pool = Part(pixels[order], labels[order])
    cut = len(train.labels)
    images = case.images.with_part("train", pool.at(np.arange(cut)), called="")
    last = pool.at(np.arange(cut, len(order)))
    return case.shown(images.with_part("val", last, called=f"{case.images.name}-sorted"))


@planted(
    "batch-too-small",
    on=("cnn",),
    repairable=True,
    only=lambda pair: pair.settings.get("model.norm", "batch") == "batch",
)
def batch_of_two(case: Case) -> Case:
    """With batch normalisation, whose statistics are then those of two images."""
    return case.set(train__batch_size=2, train__epochs=max(2, case.settings["train.epochs"] // 3))


@planted("augmentation-too-strong", "label-breaking-augmentation", on=NETS, repairable=True)
def strong_augmentation(case: Case) -> Case:
    """Eight operations at full strength on every image: little of it is left to be recognised."""
    return case.set(
        data__augment__policy="randaugment",
        data__augment__policy_ops=8,
        data__augment__policy_magnitude=30,
    )


@planted(
    "label-breaking-augmentation",
    "augmentation-too-strong",
    on=NETS,
    repairable=True,
    only=lambda pair: pair.images in DIGITS,
)
def turned_digits(case: Case) -> Case:
    """Quarter turns, after which a 6 is a 9."""
    return case.set(data__augment__own=f"{NETWORKS}:spun")


@planted("loss-at-init", on=NETS)
def saturated_head(case: Case) -> Case:
    """A last layer with huge weights."""
    return case.own("saturated_perceptron" if case.family == "mlp" else "saturated_convolutional")


@planted("cannot-overfit-batch", on=NETS)
def squashed_head(case: Case) -> Case:
    """Two softmaxes, one on the other: no batch can be learnt by heart, however small."""
    return case.own("squashed_perceptron" if case.family == "mlp" else "squashed_convolutional")


@planted("input-ignored", "exact-duplicates", "conflicting-duplicates")
def constant_input(case: Case) -> Case:
    """All images are the same one: as files they are copies, and copies with different labels."""

    def constant(part: Part) -> Part:
        return Part(np.full_like(part.pixels, 128), part.labels)

    return case.shown(changed(case.images, PARTS, constant, called="constant"))


@planted("mode-mixup", on=("cnn",))
def stuck_in_eval(case: Case) -> Case:
    return case.own("stuck_in_eval")


@planted("mode-mixup", "batch-mixing", "broken-contract", on=("cnn",))
def stuck_in_train(case: Case) -> Case:
    """Refused before training: an answer that depends on the other images of its batch."""
    return case.own("stuck_in_train")


@planted("covariate-shift", "data-mismatch")
def shifted_validation(case: Case) -> Case:
    """Held-out images as if seen through fog."""

    def foggy(part: Part) -> Part:
        return Part((0.4 * part.pixels + 110).astype(np.uint8), part.labels)

    return case.shown(changed(case.images, ("val", "test"), foggy, called="foggy"))


def _little(case: Case) -> Case:
    train = case.images.parts["train"]
    rows = np.concatenate(
        [np.flatnonzero(train.labels == label)[:LITTLE] for label in np.unique(train.labels)]
    )
    name = f"{case.images.name}-little"
    few = case.images.with_part("train", train.at(rows), called=name)
    return case.shown(few).set(train__epochs=4 * case.settings["train.epochs"])


def _shuffled(part: Part) -> Part:
    return Part(part.pixels, generator(0, "shuffled labels").permutation(part.labels))


def _swapped(part: Part) -> Part:
    return Part(np.ascontiguousarray(part.pixels[..., ::-1]), part.labels)


def _imbalanced(images: ImageSet, ratio: int) -> ImageSet:
    """Every second class keeps one image of `ratio`; ten where they are to be judged by."""

    def thin(part: Part, least: int) -> Part:
        kept = np.ones(len(part.labels), dtype=np.bool_)
        for label in range(1, len(images.classes), 2):
            rows = np.flatnonzero(part.labels == label)
            kept[rows[max(least, len(rows) // ratio) :]] = False
        return part.at(kept)

    name = f"{images.name}-imbalanced{ratio}"
    thinned = images.with_part("train", thin(images.parts["train"], 2), called="")
    return thinned.with_part("val", thin(images.parts["val"], 10), called=name)


def _undersampled(case: Case, ratio: int) -> Case:
    thinned = _imbalanced(case.images, ratio)
    train = thinned.parts["train"]
    least = int(np.bincount(train.labels).min())
    rows = np.concatenate(
        [np.flatnonzero(train.labels == label)[:least] for label in np.unique(train.labels)]
    )
    name = f"{case.images.name}-undersampled{ratio}"
    few = case.shown(thinned.with_part("train", train.at(rows), called=name))
    times = round(len(train.labels) / len(rows))
    return few.set(train__epochs=times * case.settings["train.epochs"])
