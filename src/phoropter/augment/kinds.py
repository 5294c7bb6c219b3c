"""A recipe's augmentation taken apart into the kinds of variation that it is made of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from phoropter.core.augment_recipe import AugmentRecipe


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of variation alone.

    Args:
        name: What to call it: "mirror", "preset medium", "torchvision.RandomRotation", ...
        recipe: An augmentation of nothing else.
        without: Dotted recipe keys that take it out of the whole.
    """

    name: str
    recipe: AugmentRecipe
    without: Mapping[str, Any]


def kinds(recipe: AugmentRecipe) -> Iterator[Kind]:
    """Every kind of variation that the recipe makes of single images.

    MixUp and CutMix blend the labels as they blend the images, and are none.

    >>> [kind.name for kind in kinds(AugmentRecipe(preset="light", erasing=0.5))]
    ['mirror', 'preset light', 'erasing']
    """
    for name in dict.fromkeys(next(iter(entry)) for entry in recipe.pipeline):
        alone = AugmentRecipe(pipeline=tuple(item for item in recipe.pipeline if name in item))
        rest = [dict(item) for item in recipe.pipeline if name not in item]
        yield Kind(name, alone, {"data.augment.pipeline": rest})
    if recipe.preset != "none":
        if recipe.flip:
            mirror = AugmentRecipe(pipeline=({"torchvision.RandomHorizontalFlip": {"p": 1.0}},))
            yield Kind("mirror", mirror, {"data.augment.flip": False})
        moved = AugmentRecipe(preset=recipe.preset, flip=False)
        yield Kind(f"preset {recipe.preset}", moved, {"data.augment.preset": "none"})
    if recipe.policy != "none":
        fields = {"policy_ops", "policy_magnitude"}
        policy = AugmentRecipe(policy=recipe.policy, **recipe.model_dump(include=fields))
        yield Kind(recipe.policy, policy, {"data.augment.policy": "none"})
    if recipe.erasing > 0:
        yield Kind("erasing", AugmentRecipe(erasing=1.0), {"data.augment.erasing": 0.0})
    if recipe.own is not None:
        yield Kind(recipe.own, AugmentRecipe(own=recipe.own), {"data.augment.own": None})
