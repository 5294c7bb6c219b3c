"""Small networks of our own: a convolutional one for small images, a plain one, and bare pixels."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from typing_extensions import override

from phoropter.core.recipe import ModelRecipe
from phoropter.models.layers import activation, check_alive, initialise, map_norm, vector_norm

SMALLEST_MAP = 4
LARGEST_FIRST_MAP = 64
_WIDEST = 512
_GRID = 2


class SmallCnn(nn.Module):
    """Stages of two convolutions each, halved between, averaged over a 2 x 2 grid at the end.

    The grid keeps where something is, which geometric targets (angles, positions) need; the stem's
    stride keeps large images affordable: the first stage never sees more than 64 x 64 positions.

    >>> import torch
    >>> trunk = SmallCnn(ModelRecipe(name="cnn", width=8), channels=1, size=28)
    >>> trunk(torch.zeros(2, 1, 28, 28)).shape
    torch.Size([2, 128])
    """

    def __init__(self, recipe: ModelRecipe, *, channels: int, size: int) -> None:
        super().__init__()
        stride, side = stem_stride(size)
        stages: list[nn.Module] = []
        inputs = channels
        for index in range(recipe.depth):
            if index and side > SMALLEST_MAP:
                stages.append(nn.MaxPool2d(2))
                side //= 2
            outputs = min(recipe.width * 2**index, max(recipe.width, _WIDEST))
            first_stride = stride if index == 0 else 1
            stages.append(block(inputs, outputs, recipe, stride=first_stride))
            stages.append(block(outputs, outputs, recipe))
            inputs = outputs
        self.stages = nn.Sequential(*stages)
        # Cells overlap by one where the side is odd; fixed sizes, so that ONNX can hold them.
        self.grid = nn.AvgPool2d(-(-side // _GRID), stride=side // _GRID)
        self.feature_count = inputs * _GRID**2

    @override
    def forward(self, images: Tensor) -> Tensor:
        """Images (n, c, size, size) to features (n, feature_count)."""
        maps = self.stages(images)
        features: Tensor = self.grid(maps).flatten(1)
        return features


def stem_stride(size: int) -> tuple[int, int]:
    """The first convolution's stride for images of this side, and the side that it leaves.

    >>> stem_stride(28), stem_stride(224)
    ((1, 28), (4, 56))
    """
    stride = 1
    while -(-size // stride) > LARGEST_FIRST_MAP:
        stride *= 2
    return stride, -(-size // stride)


def block(inputs: int, outputs: int, recipe: ModelRecipe, *, stride: int = 1) -> nn.Sequential:
    """A convolution, normalised and activated; a strided one sees all that it steps over."""
    kernel = 3 if stride == 1 else stride + 3
    convolution = nn.Conv2d(
        inputs,
        outputs,
        kernel,
        stride=stride,
        padding=kernel // 2,
        bias=recipe.norm == "none",
    )
    return nn.Sequential(convolution, *map_norm(recipe, outputs), activation(recipe))


def pixels(recipe: ModelRecipe, *, channels: int, size: int) -> tuple[nn.Module, int]:
    """The trunk "pixels": the flattened image, and its length."""
    del recipe  # nothing to choose
    return nn.Flatten(), channels * size * size


def cnn(recipe: ModelRecipe, *, channels: int, size: int) -> tuple[nn.Module, int]:
    """The trunk "cnn" and its number of features.

    Raises:
        UsageError: If nothing of the image would reach the features.
    """
    trunk = SmallCnn(recipe, channels=channels, size=size)
    initialise(trunk, recipe)
    check_alive(trunk, recipe, torch.empty(channels, size, size))
    return trunk, trunk.feature_count


def mlp(recipe: ModelRecipe, *, channels: int, size: int) -> tuple[nn.Module, int]:
    """The trunk "mlp": `depth` hidden layers of `width` units on the flattened image.

    Raises:
        UsageError: If the normalisation does not fit, or nothing would reach the features.
    """
    parts: list[nn.Module] = [nn.Flatten()]
    units = channels * size * size
    for _ in range(recipe.depth):
        linear = nn.Linear(units, recipe.width, bias=True)
        parts += [linear, *vector_norm(recipe, recipe.width), activation(recipe)]
        units = recipe.width
    trunk = nn.Sequential(*parts)
    initialise(trunk, recipe)
    check_alive(trunk, recipe, torch.empty(channels, size, size))
    return trunk, units
