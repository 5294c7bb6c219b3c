"""The built-in policies: flips, moves, colours and erasing on whole batches of tensors."""

from __future__ import annotations

import math
from functools import partial

import torch
from torch import Generator, Tensor
from torch.nn import functional

from phoropter.augment.own import own_augmenter
from phoropter.augment.pipelines import pipeline
from phoropter.augment.presets import PRESETS, Strength
from phoropter.augment.random_policies import random_policy
from phoropter.augment.variation import Augmenter
from phoropter.core.augment_recipe import AugmentRecipe

# Rec. 601 luma, as in PIL's conversion to grey.
_LUMA = (0.299, 0.587, 0.114)

_ERASED_AREA = 1 / 3  # the largest share of the image (Zhong et al. 2020)


def augmenter(recipe: AugmentRecipe, *, size: int, channels: int = 3) -> Augmenter | None:
    """A function that varies a batch of images, or None where the recipe wants none.

    It maps float images in [0, 1] of shape (n, c, h, w), and a generator on the CPU that decides
    every draw, to images of the same shape, dtype and range; the batch handed in is left alone.
    First comes the recipe's own pipeline, then the preset, the random policy, and erasing.

    >>> vary = augmenter(AugmentRecipe(preset="light"), size=8)
    >>> images = torch.rand(2, 3, 8, 8)
    >>> first = vary(images, Generator().manual_seed(0))
    >>> bool((first == vary(images, Generator().manual_seed(0))).all())
    True

    Args:
        recipe: What is wanted.
        size: Side of the images, pixels; shifts of less than a pixel are not worth a resampling.
        channels: Of the images that a variation of the user's own is tried on.

    Raises:
        UsageError: If the pipeline names a transform that does not exist or fit, or a variation of
            the user's own is missing or breaks its contract.
    """
    wanted = (
        pipeline(recipe.pipeline),
        _preset(recipe, size=size),
        random_policy(recipe),
        _erasing(recipe),
        None if recipe.own is None else own_augmenter(recipe.own, size=size, channels=channels),
    )
    parts = [part for part in wanted if part is not None]
    if not parts:
        return None

    def vary(images: Tensor, generator: Generator) -> Tensor:
        for part in parts:
            images = part(images, generator)
        return images

    return vary


def _preset(recipe: AugmentRecipe, *, size: int) -> Augmenter | None:
    if recipe.preset == "none":
        return None
    strength = PRESETS[recipe.preset]

    def vary(images: Tensor, generator: Generator) -> Tensor:
        varied = _mirrored(images, generator) if recipe.flip else images
        varied = _moved(varied, strength, generator, size=size)
        varied = _coloured(varied, strength, generator)
        return _erased(varied, generator, share=strength.erase, area=strength.erase_area)

    return vary


def _erasing(recipe: AugmentRecipe) -> Augmenter | None:
    if recipe.erasing == 0:
        return None
    return partial(_erased, share=recipe.erasing, area=_ERASED_AREA)


def _mirrored(images: Tensor, generator: Generator) -> Tensor:
    chosen = torch.rand(len(images), generator=generator) < 0.5
    mask = chosen.to(images.device).view(-1, 1, 1, 1)
    return torch.where(mask, images.flip(3), images)


def _moved(images: Tensor, strength: Strength, generator: Generator, *, size: int) -> Tensor:
    if strength.rotation == 0 and strength.zoom == 1:
        return _shifted(images, round(strength.shift * size), generator)
    angle = _uniform(images, strength.rotation * math.pi / 180, generator)
    zoom = torch.exp(_uniform(images, math.log(strength.zoom), generator))
    # Coordinates run from -1 to 1, so that a share of the side counts twice.
    shift = (torch.rand(len(images), 2, generator=generator) * 2 - 1) * (2 * strength.shift)
    cos, sin = torch.cos(angle) / zoom, torch.sin(angle) / zoom
    rows = torch.stack([cos, -sin, shift[:, 0], sin, cos, shift[:, 1]], dim=1)
    matrices = rows.view(-1, 2, 3).to(images)
    grid = functional.affine_grid(matrices, list(images.shape), align_corners=False)
    return functional.grid_sample(
        images, grid, mode="bilinear", padding_mode="reflection", align_corners=False
    )


def _shifted(images: Tensor, most: int, generator: Generator) -> Tensor:
    """Each image moved by whole pixels, its border mirrored: no resampling, so nothing blurs."""
    if most == 0:
        return images
    height, width = images.shape[-2:]
    moves = torch.randint(-most, most + 1, (2, len(images)), generator=generator)
    rows = _reflected(torch.arange(height) + moves[0, :, None], height).to(images.device)
    columns = _reflected(torch.arange(width) + moves[1, :, None], width).to(images.device)
    samples = torch.arange(len(images), device=images.device)
    picked = images.permute(0, 2, 3, 1)[
        samples[:, None, None], rows[:, :, None], columns[:, None, :]
    ]
    return picked.permute(0, 3, 1, 2)


def _reflected(positions: Tensor, length: int) -> Tensor:
    inside = positions.abs()
    return torch.where(inside >= length, 2 * (length - 1) - inside, inside)


def _coloured(images: Tensor, strength: Strength, generator: Generator) -> Tensor:
    """Brightness, contrast and saturation, all linear in the pixel, and so applied as one."""
    gain = 1 + _uniform(images, strength.brightness, generator)
    contrast = 1 + _uniform(images, strength.contrast, generator)
    saturation = 1 + _uniform(images, strength.saturation, generator)
    mean = images.mean(dim=(1, 2, 3))
    scale = (gain * contrast).to(images).view(-1, 1, 1, 1)
    offset = (gain * (1 - contrast)).to(images).mul(mean).view(-1, 1, 1, 1)
    varied = images
    if strength.saturation and images.shape[1] == len(_LUMA):
        luma = images.new_tensor(_LUMA).view(1, -1, 1, 1)
        grey = (images * luma).sum(dim=1, keepdim=True)
        varied = torch.lerp(grey, images, saturation.to(images).view(-1, 1, 1, 1))
    return torch.addcmul(offset, varied, scale).clamp_(0, 1)


def _erased(images: Tensor, generator: Generator, *, share: float, area: float) -> Tensor:
    """One rectangle of some images overwritten (random erasing, Zhong et al. 2020)."""
    if share == 0:
        return images
    count, _, height, width = images.shape
    draws = torch.rand(5, count, generator=generator)
    areas = draws[0] * area
    aspect = torch.exp((draws[1] * 2 - 1) * math.log(3.0))
    tall = (areas * aspect).sqrt().clamp(max=1.0) * height
    wide = (areas / aspect).sqrt().clamp(max=1.0) * width
    top, left = draws[2] * (height - tall), draws[3] * (width - wide)
    row, column = torch.arange(height) + 0.5, torch.arange(width) + 0.5
    inside_rows = (row > top[:, None]) & (row < (top + tall)[:, None])
    inside_columns = (column > left[:, None]) & (column < (left + wide)[:, None])
    chosen = (draws[4] < share)[:, None, None]
    mask = chosen & inside_rows[:, :, None] & inside_columns[:, None, :]
    mean = images.mean(dim=(2, 3), keepdim=True)
    return torch.where(mask[:, None].to(images.device), mean, images)


def _uniform(images: Tensor, most: float, generator: Generator) -> Tensor:
    """One number in [-most, most] for each sample, on the CPU."""
    return (torch.rand(len(images), generator=generator) * 2 - 1) * most
