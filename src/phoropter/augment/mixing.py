"""MixUp and CutMix: each sample blended with another one of its batch."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Generator, Tensor

from phoropter.core.augment_recipe import AugmentRecipe

Mixer = Callable[[Tensor, Generator], tuple[Tensor, Tensor, float]]


def mixer(recipe: AugmentRecipe) -> Mixer | None:
    """`mix` with the recipe's parameters; None where both are off.

    >>> mixer(AugmentRecipe()) is None
    True
    """
    if recipe.mixup == 0 and recipe.cutmix == 0:
        return None

    def blend(inputs: Tensor, generator: Generator) -> tuple[Tensor, Tensor, float]:
        return mix(inputs, generator, mixup=recipe.mixup, cutmix=recipe.cutmix)

    return blend


def mix(
    inputs: Tensor, generator: Generator, *, mixup: float, cutmix: float
) -> tuple[Tensor, Tensor, float]:
    """The blended inputs, the partner's position of each (n,), and the own share in [0, 1].

    One share is drawn for the whole batch from Beta(a, a). Where both are on, a fair coin decides
    for each batch. Sources: MixUp, Zhang et al. 2018; CutMix, Yun et al. 2019.

    >>> images = torch.rand(4, 1, 8, 8)
    >>> blended, partner, share = mix(images, Generator().manual_seed(0), mixup=1.0, cutmix=0.0)
    >>> bool(torch.allclose(blended, share * images + (1 - share) * images[partner]))
    True

    Args:
        inputs: Images (n, c, h, w) or, for MixUp alone, features (n, d); float.
        generator: On the CPU; decides every draw.
        mixup: Parameter of MixUp's Beta distribution; 0 is off.
        cutmix: Parameter of CutMix's; 0 is off, and it is off for anything but images.
    """
    if inputs.ndim != 4:
        cutmix = 0.0
    partner = torch.randperm(len(inputs), generator=generator).to(inputs.device)
    if mixup == 0 and cutmix == 0:
        return inputs, partner, 1.0
    cut = mixup == 0 or (cutmix > 0 and float(torch.rand((), generator=generator)) < 0.5)
    share = _beta(cutmix if cut else mixup, generator)
    if not cut:
        return torch.lerp(inputs[partner], inputs, share), partner, share
    return _pasted(inputs, partner, share, generator)


def _pasted(
    inputs: Tensor, partner: Tensor, share: float, generator: Generator
) -> tuple[Tensor, Tensor, float]:
    height, width = inputs.shape[-2:]
    side = (1 - share) ** 0.5
    tall, wide = round(side * height), round(side * width)
    centre = torch.rand(2, generator=generator)
    row, column = int(centre[0] * height), int(centre[1] * width)
    top, bottom = max(0, row - tall // 2), min(height, row - tall // 2 + tall)
    left, right = max(0, column - wide // 2), min(width, column - wide // 2 + wide)
    blended = inputs.clone()
    blended[..., top:bottom, left:right] = inputs[partner][..., top:bottom, left:right]
    kept = 1 - (bottom - top) * (right - left) / (height * width)  # clipped at the border
    return blended, partner, kept


def _beta(parameter: float, generator: Generator) -> float:
    """A draw from Beta(a, a); torch has none that takes a generator."""
    seed = int(torch.randint(2**62, (), generator=generator))
    return float(np.random.default_rng(seed).beta(parameter, parameter))
