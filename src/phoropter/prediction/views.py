"""Views of an image that a frozen network sees: the fixed ones of TTA, or drawn by augmentation.

A view depends on the image's content and the view's number alone, so that its features can be kept
and found again, whatever the seed of a run, the order of the images or how they fell into batches.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Protocol

import torch
from torch import Tensor

from phoropter.augment.policies import augmenter
from phoropter.augment.variation import Augmenter
from phoropter.core.augment_recipe import AugmentRecipe
from phoropter.core.errors import UsageError
from phoropter.core.protocols import Inputs
from phoropter.core.recipe import DataRecipe
from phoropter.core.records import Normalization, Rows
from phoropter.core.references import is_reference, source_digest
from phoropter.core.seed import derive
from phoropter.prediction.run import prepared
from phoropter.prediction.tta import MIRRORED, VIEWS, view

_ONE_AT_A_TIME = Lock()
"""Batches are prepared in threads, and some transforms draw from torch's global generator."""


class View(Protocol):
    """One way to look at an image."""

    @property
    def facts(self) -> list[object]:
        """JSON-able values that decide what is seen; none for the plain view."""
        ...

    def __call__(self, images: Tensor, digests: Sequence[str]) -> Tensor:
        """Images (n, c, h, w) in [0, 1] as they are seen; `digests` are of their contents."""
        ...


@dataclass(frozen=True, slots=True)
class FixedView:
    """One of the views that `prediction.tta` averages over; 0 is the plain one."""

    index: int

    @property
    def facts(self) -> list[object]:
        """Its number, but for the plain view, whose features have always been kept without."""
        return ["fixed", self.index] if self.index else []

    def __call__(self, images: Tensor, digests: Sequence[str]) -> Tensor:
        """The images (n, c, h, w) as `prediction.tta.view` shows them."""
        del digests  # all images are seen alike
        return view(images, self.index)


@dataclass(frozen=True, slots=True)
class ExchangedColours:
    """Red for blue and blue for red: what a library that writes BGR makes of an image."""

    @property
    def facts(self) -> list[object]:
        """A word; there is only one such view."""
        return ["exchanged colours"]

    def __call__(self, images: Tensor, digests: Sequence[str]) -> Tensor:
        """The images (n, c, h, w) with their channels in the opposite order."""
        del digests  # all images are seen alike
        return images.flip(1)


@dataclass(frozen=True, slots=True, eq=False)
class DrawnView:
    """A view that the recipe's augmentation draws for each image, always the same one.

    Args:
        index: Which one, from 1.
        recipe: What `vary` was made from.
        vary: Varies a batch of images in [0, 1].
    """

    index: int
    recipe: AugmentRecipe
    vary: Augmenter

    @property
    def facts(self) -> list[object]:
        """Its number and the augmentation, with the source of a part of the user's own."""
        wanted = self.recipe.model_dump(exclude={"views", "mixup", "cutmix"})
        own = self.recipe.own
        source = source_digest(own) if own is not None and is_reference(own) else ""
        return ["drawn", self.index, wanted, source]

    def __call__(self, images: Tensor, digests: Sequence[str]) -> Tensor:
        """The images (n, c, h, w) in [0, 1], each varied as its content and the index decide."""
        # One by one: in a batch the draws would depend on what else is in it.
        with _ONE_AT_A_TIME:
            seen = [
                self.vary(image[None], torch.Generator().manual_seed(derive(self.index, digest)))
                for image, digest in zip(images, digests, strict=True)
            ]
        return torch.cat(seen)


PLAIN = FixedView(0)


def further_views(data: DataRecipe) -> tuple[View, ...]:
    """The views besides the plain one that a recipe wants of each training image.

    Drawn by the recipe's augmentation, or the fixed ones where it has none.

    Raises:
        UsageError: If there are not so many fixed ones, or the augmentation does not fit.
    """
    augment = data.augment
    vary = augmenter(augment, size=data.size, channels=data.channels)
    if vary is not None:
        return tuple(DrawnView(index, augment, vary) for index in range(1, augment.views))
    fixed = [at for at in range(1, VIEWS) if augment.flip or at not in MIRRORED]
    if augment.views > 1 + len(fixed):
        raise UsageError(
            f"There are {1 + len(fixed)} views without augmentation, got data.augment.views="
            f"{augment.views}.",
            hint="Ask for fewer, or for data.augment.preset=light to have them drawn.",
        )
    return tuple(map(FixedView, fixed[: augment.views - 1]))


class ViewedInputs:
    """Images as a view shows them, normalised.

    Args:
        images: uint8 images (n, c, h, w).
        digests: Of the contents of all of them.
        seen: The view.
        normalization: What the network expects.
    """

    def __init__(
        self, images: Inputs, digests: Sequence[str], seen: View, normalization: Normalization
    ) -> None:
        self._images = images
        self._digests = digests
        self._seen = seen
        self._normalization = normalization

    def __len__(self) -> int:
        return len(self._images)

    def batch(self, rows: Rows) -> Tensor:
        """The network's input (n, c, h, w), float32, for these rows."""
        images = prepared(self._images.batch(rows), None, torch.device("cpu"))
        varied = self._seen(images, [self._digests[row] for row in rows])
        shape = (1, -1, 1, 1)
        mean = torch.tensor(self._normalization.mean).view(shape)
        std = torch.tensor(self._normalization.std).view(shape)
        ready = (varied - mean).div_(std)
        return ready.contiguous(memory_format=torch.channels_last)
