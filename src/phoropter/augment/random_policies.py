"""RandAugment and TrivialAugment on batches: every image draws its own operations."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from phoropter.augment.variation import Augmenter
from phoropter.core.augment_recipe import AugmentRecipe

MOST_STRENGTH = 30
_MOST_SHIFT = 150 / 331  # RandAugment's, a share of the side as in its paper
_TRIVIAL_SHIFT = 32 / 224  # 32 px at the size TrivialAugment was made for; elsewhere in proportion


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of the two policies.

    Args:
        apply: Images (n, c, h, w) in [0, 1] and one magnitude to images.
        rand: The magnitude of strength 30 in RandAugment; that of strength 0 is 0.
        trivial: The same in TrivialAugment ("wide").
        signed: Whether the magnitude is drawn with either sign.
    """

    apply: Callable[[Tensor, float], Tensor]
    rand: float = 0.0
    trivial: float = 0.0
    signed: bool = False


def random_policy(recipe: AugmentRecipe) -> Augmenter | None:
    """The recipe's policy as a function that varies a batch, or None where there is none.

    RandAugment makes `policy_ops` operations of equal strength on each image, TrivialAugment one of
    a strength that is drawn too. Magnitudes are those of the papers (Cubuk et al. 2020; Müller &
    Hutter 2021) and of torchvision. What an image loses at its border becomes black. Images that
    draw the same go through it together.

    >>> vary = random_policy(AugmentRecipe(policy="randaugment"))
    >>> images = torch.rand(4, 3, 8, 8)
    >>> vary(images, Generator().manual_seed(0)).shape
    torch.Size([4, 3, 8, 8])
    """
    if recipe.policy == "none":
        return None
    trivial = recipe.policy == "trivialaugment"

    def vary(images: Tensor, generator: Generator) -> Tensor:
        varied = images.clone()
        for _ in range(1 if trivial else recipe.policy_ops):
            for (name, magnitude), members in _draws(len(images), recipe, generator).items():
                varied[members] = OPERATIONS[name].apply(varied[members], magnitude)
        return varied.clamp_(0, 1)

    return vary


def _draws(
    count: int, recipe: AugmentRecipe, generator: Generator
) -> Mapping[tuple[str, float], list[int]]:
    """The positions of the images that drew each operation and magnitude."""
    trivial = recipe.policy == "trivialaugment"
    which = torch.randint(len(OPERATIONS), (count,), generator=generator)
    strength = torch.full((count,), recipe.policy_magnitude)
    if trivial:
        strength = torch.randint(MOST_STRENGTH + 1, (count,), generator=generator)
    sign = torch.randint(2, (count,), generator=generator) * 2 - 1
    members: dict[tuple[str, float], list[int]] = defaultdict(list)
    for position, (number, power, direction) in enumerate(
        zip(which.tolist(), strength.tolist(), sign.tolist(), strict=True)
    ):
        operation = OPERATIONS[_NAMES[number]]
        most = operation.trivial if trivial else operation.rand
        magnitude = most * power / MOST_STRENGTH * (direction if operation.signed else 1)
        members[_NAMES[number], magnitude].append(position)
    return members


def _affine(
    images: Tensor, *, shift: tuple[float, float] = (0, 0), shear: tuple[float, float] = (0, 0)
) -> Tensor:
    """Shifted by shares of the side, or sheared about the corner by these slopes."""
    from torchvision.transforms.v2 import functional

    height, width = images.shape[-2:]
    moved: Tensor = functional.affine(
        images,
        angle=0.0,
        translate=[int(shift[0] * width), int(shift[1] * height)],
        scale=1.0,
        shear=[math.degrees(math.atan(slope)) for slope in shear],
        center=[0, 0] if any(shear) else None,
    )
    return moved


def _by(name: str, offset: float = 0.0, scale: float = 1.0) -> Callable[[Tensor, float], Tensor]:
    """A function of torchvision's with the argument offset + scale * magnitude."""

    def apply(images: Tensor, magnitude: float) -> Tensor:
        from torchvision.transforms.v2 import functional

        varied: Tensor = getattr(functional, name)(images, offset + scale * magnitude)
        return varied

    return apply


def _plain(name: str) -> Callable[[Tensor, float], Tensor]:
    def apply(images: Tensor, _magnitude: float) -> Tensor:
        from torchvision.transforms.v2 import functional

        varied: Tensor = getattr(functional, name)(images)
        return varied

    return apply


def _posterized(images: Tensor, magnitude: float) -> Tensor:
    from torchvision.transforms.v2 import functional

    varied: Tensor = functional.posterize(images, bits=round(8 - magnitude))
    return varied


OPERATIONS = {
    "identity": Operation(lambda images, _: images),
    "shear_x": Operation(lambda i, m: _affine(i, shear=(m, 0)), 0.3, 0.99, signed=True),
    "shear_y": Operation(lambda i, m: _affine(i, shear=(0, m)), 0.3, 0.99, signed=True),
    "translate_x": Operation(
        lambda i, m: _affine(i, shift=(m, 0)), _MOST_SHIFT, _TRIVIAL_SHIFT, signed=True
    ),
    "translate_y": Operation(
        lambda i, m: _affine(i, shift=(0, m)), _MOST_SHIFT, _TRIVIAL_SHIFT, signed=True
    ),
    "rotate": Operation(_by("rotate"), 30.0, 135.0, signed=True),
    "brightness": Operation(_by("adjust_brightness", 1.0), 0.9, 0.99, signed=True),
    "color": Operation(_by("adjust_saturation", 1.0), 0.9, 0.99, signed=True),
    "contrast": Operation(_by("adjust_contrast", 1.0), 0.9, 0.99, signed=True),
    "sharpness": Operation(_by("adjust_sharpness", 1.0), 0.9, 0.99, signed=True),
    "posterize": Operation(_posterized, 4.0, 6.0),
    "solarize": Operation(_by("solarize", 1.0, -1.0), 1.0, 1.0),
    "autocontrast": Operation(_plain("autocontrast")),
    "equalize": Operation(_plain("equalize")),
}
_NAMES = tuple(OPERATIONS)
