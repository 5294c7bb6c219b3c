"""Test-time augmentation: the mean answer over a few views of the same image."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

Network = Callable[[Tensor], Tensor]

VIEWS = 5
MIRRORED = (1, 3)
"""Those of the views that are mirror images."""

_CLOSER = 0.9
_CLOSEST = 0.8


def averaged(network: Network, images: Tensor, *, tta: int) -> Tensor:
    """The mean raw output over the first `tta` views: plain, mirror, closer, its mirror, closest.

    Logits are averaged, so that the probabilities are their normalised geometric mean. Everything
    here can be traced, and so travels in an ONNX file.

    >>> averaged(lambda x: x.mean((2, 3)), torch.ones(1, 3, 8, 8), tta=5).shape
    torch.Size([1, 3])

    Args:
        network: Normalised float images (n, c, s, s) to raw outputs (n, outputs).
        images: Shape (n, c, s, s).
        tta: Number of views, 1 to 5.
    """
    if tta == 1:
        return network(images)
    total = network(images)
    for index in range(1, tta):
        total = total + network(view(images, index))
    return total / tta


def view(images: Tensor, index: int) -> Tensor:
    """One of five views of images (n, c, s, s), in their own size.

    0: plain. 1: mirrored. 2: the middle 90 % enlarged. 3: that, mirrored. 4: the middle 80 %.
    """
    if index == 0:
        return images
    if index == 1:
        return torch.flip(images, [3])
    if index == 2:
        return _middle(images, _CLOSER)
    if index == 3:
        return torch.flip(_middle(images, _CLOSER), [3])
    return _middle(images, _CLOSEST)


def _middle(images: Tensor, share: float) -> Tensor:
    height, width = int(images.shape[-2]), int(images.shape[-1])
    tall, wide = max(1, round(height * share)), max(1, round(width * share))
    top, left = (height - tall) // 2, (width - wide) // 2
    cut = images[..., top : top + tall, left : left + wide]
    return functional.interpolate(cut, size=(height, width), mode="bilinear", align_corners=False)
