"""A small Xception for CPUs: depthwise separable convolutions with shortcuts (Chollet 2017).

A separable convolution looks at each channel by itself, then mixes the channels point by point: for
3 x 3 filters on many channels an eighth of the work of a full convolution. The network is the entry
flow of the paper (arXiv:1610.02357, figure 5) with fewer channels and no middle flow. The second
separable convolution of a block halves the sides by a stride where the paper pools: pooling took a
quarter of the time of a training step on a CPU.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from typing_extensions import override

from phoropter.core.recipe import ModelRecipe
from phoropter.models.layers import activation, check_alive, initialise, map_norm
from phoropter.models.small import SMALLEST_MAP, block, stem_stride

_WIDEST = 728  # that of the paper's middle flow
_LAST = 2  # the last separable convolution widens once more, without a shortcut


class XceptionSmall(nn.Module):
    """A stem, `depth` blocks of two separable convolutions beside a shortcut, a wider end.

    Channels double in each block and sides are halved while they exceed 4 positions; the features
    are averages over all positions.

    >>> import torch
    >>> trunk = XceptionSmall(ModelRecipe(width=8, depth=2), channels=3, size=32)
    >>> trunk(torch.zeros(2, 3, 32, 32)).shape
    torch.Size([2, 64])
    """

    def __init__(self, recipe: ModelRecipe, *, channels: int, size: int) -> None:
        super().__init__()
        stride, side = stem_stride(size)
        parts: list[nn.Module] = [block(channels, recipe.width, recipe, stride=stride)]
        inputs = recipe.width
        for index in range(recipe.depth):
            halved = side > SMALLEST_MAP
            outputs = min(2 * inputs, max(inputs, _WIDEST))
            parts.append(_Block(inputs, outputs, recipe, first=index == 0, halved=halved))
            inputs, side = outputs, -(-side // 2) if halved else side
        self.feature_count = _LAST * inputs
        parts += [*_separable(inputs, self.feature_count, recipe), activation(recipe)]
        self.stages = nn.Sequential(*parts)

    @override
    def forward(self, images: Tensor) -> Tensor:
        """Images (n, c, size, size) to features (n, feature_count)."""
        features: Tensor = self.stages(images).mean((2, 3))
        return features


class _Block(nn.Module):
    def __init__(
        self, inputs: int, outputs: int, recipe: ModelRecipe, *, first: bool, halved: bool
    ) -> None:
        super().__init__()
        self.separable = nn.Sequential(
            *([] if first else [activation(recipe)]),  # the stem ends in one
            *_separable(inputs, outputs, recipe),
            activation(recipe),
            *_separable(outputs, outputs, recipe, stride=2 if halved else 1),
        )
        self.shortcut = nn.Sequential(
            nn.Conv2d(inputs, outputs, 1, stride=2 if halved else 1, bias=recipe.norm == "none"),
            *map_norm(recipe, outputs),
        )

    @override
    def forward(self, maps: Tensor) -> Tensor:
        """Maps (n, inputs, h, w) to maps (n, outputs, ...), halved where asked for."""
        summed: Tensor = self.separable(maps) + self.shortcut(maps)
        return summed


def _separable(
    inputs: int, outputs: int, recipe: ModelRecipe, *, stride: int = 1
) -> list[nn.Module]:
    """Depthwise, then pointwise, nothing in between (it is better so, the paper's section 4.7)."""
    depthwise = nn.Conv2d(inputs, inputs, 3, stride=stride, padding=1, groups=inputs, bias=False)
    pointwise = nn.Conv2d(inputs, outputs, 1, bias=recipe.norm == "none")
    return [depthwise, pointwise, *map_norm(recipe, outputs)]


def xception_small(recipe: ModelRecipe, *, channels: int, size: int) -> tuple[nn.Module, int]:
    """The trunk "xception_small" and its number of features.

    Raises:
        UsageError: If nothing of the image would reach the features.
    """
    trunk = XceptionSmall(recipe, channels=channels, size=size)
    initialise(trunk, recipe)
    check_alive(trunk, recipe, torch.empty(channels, size, size))
    return trunk, trunk.feature_count
