"""A variation of the user's own, tried out before training."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Generator, Tensor

from phoropter.core import registry
from phoropter.core.errors import BrokenContractError, users_code

GROUP = "phoropter.augmentations"
_BATCH = 4
_SLACK = 1e-5  # what rounding may take an image beyond black and white


def own_augmenter(name: str, *, size: int, channels: int) -> Callable[[Tensor, Generator], Tensor]:
    """The variation that `name` refers to or is registered as, after a try.

    It gets float images in [0, 1] of shape (n, c, h, w) and a generator on the CPU that decides
    every draw, and returns images of the same shape, dtype and range; what it got is left alone.

    Raises:
        UsageError: If there is no such variation.
        BrokenContractError: If it does not do that.
    """
    vary = registry.load(GROUP, name)
    if not callable(vary):
        raise BrokenContractError(
            f"The augmentation {name!r} is a {type(vary).__name__}, not a function.",
            hint="Write: def vary(images, generator): ... return images",
        )
    images = torch.rand(_BATCH, channels, size, size, generator=Generator().manual_seed(0))
    for count in (_BATCH, 1):
        _check(vary, images[:count], name)
    return vary  # type: ignore[no-any-return]


def _check(vary: Callable[..., Any], images: Tensor, name: str) -> None:
    before = images.clone()
    varied = _varied(vary, images, name)
    wanted = f"{images.dtype} {tuple(images.shape)}"
    if not isinstance(varied, Tensor) or varied.shape != images.shape:
        got = tuple(varied.shape) if isinstance(varied, Tensor) else type(varied).__name__
        problem = f"turns images {wanted} into {got}"
    elif varied.dtype != images.dtype:
        problem = f"turns images {wanted} into {varied.dtype}"
    elif not bool(varied.isfinite().all()) or varied.min() < -_SLACK or varied.max() > 1 + _SLACK:
        low, high = float(varied.min()), float(varied.max())
        problem = f"turns images in [0, 1] into numbers from {low:.3g} to {high:.3g}"
    elif not torch.equal(images, before):
        problem = "changes the images that it is given"
    elif not torch.equal(varied, _varied(vary, images, name)):
        problem = "gives other images for the same state of the generator"
    else:
        return
    raise BrokenContractError(
        f"The augmentation {name!r} {problem}.",
        hint="Keep shape, dtype and range, work on a copy, and draw from the generator alone.",
    )


def _varied(vary: Callable[..., Any], images: Tensor, name: str) -> Any:
    what = f"The augmentation {name!r} failed on images {tuple(images.shape)}"
    with users_code(what, hint="It is called with a batch of images and a generator."):
        return vary(images, Generator().manual_seed(1))
