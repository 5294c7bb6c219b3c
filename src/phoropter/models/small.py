"""Small networks of our own: a convolutional one for small images, a plain one, and bare pixels."""

from __future__ import annotations

import math
from collections.abc import Callable

from torch import Tensor, nn
from typing_extensions import override

from phoropter.core.errors import UsageError
from phoropter.core.recipe import ModelRecipe

_ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "leaky_relu": lambda: nn.LeakyReLU(0.1),
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
}
_WIDEST = 512
_SMALLEST_MAP = 4
_LARGEST_FIRST_MAP = 64
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
        side = size
        stride = 1
        while side > _LARGEST_FIRST_MAP:
            stride, side = stride * 2, -(-side // 2)
        stages: list[nn.Module] = []
        inputs = channels
        for index in range(recipe.depth):
            if index and side > _SMALLEST_MAP:
                stages.append(nn.MaxPool2d(2))
                side //= 2
            outputs = min(recipe.width * 2**index, max(recipe.width, _WIDEST))
            first_stride = stride if index == 0 else 1
            stages.append(_block(inputs, outputs, recipe, stride=first_stride))
            stages.append(_block(outputs, outputs, recipe))
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


def _block(inputs: int, outputs: int, recipe: ModelRecipe, *, stride: int = 1) -> nn.Sequential:
    kernel = 3 if stride == 1 else stride + 3
    convolution = nn.Conv2d(
        inputs,
        outputs,
        kernel,
        stride=stride,
        padding=kernel // 2,
        bias=recipe.norm == "none",
    )
    parts = [convolution, *_norm(recipe.norm, outputs), _ACTIVATIONS[recipe.activation]()]
    return nn.Sequential(*parts)


def _norm(name: str, channels: int) -> list[nn.Module]:
    if name == "batch":
        return [nn.BatchNorm2d(channels)]
    if name == "layer":
        return [nn.GroupNorm(1, channels)]
    if name == "group":
        return [nn.GroupNorm(math.gcd(channels, 8), channels)]
    if name == "instance":
        return [nn.InstanceNorm2d(channels, affine=True)]
    return []


def _vector_norm(name: str, units: int) -> list[nn.Module]:
    if name == "batch":
        return [nn.BatchNorm1d(units)]
    if name == "layer":
        return [nn.LayerNorm(units)]
    if name == "group":
        return [nn.GroupNorm(math.gcd(units, 8), units)]
    if name == "instance":
        raise UsageError(
            "model.norm 'instance' averages over positions, and an mlp has none.",
            hint="Use batch, layer, group or none, or model.name=cnn.",
        )
    return []


def pixels(recipe: ModelRecipe, *, channels: int, size: int) -> tuple[nn.Module, int]:
    """The trunk "pixels": the flattened image, and its length."""
    del recipe  # nothing to choose
    return nn.Flatten(), channels * size * size


def cnn(recipe: ModelRecipe, *, channels: int, size: int) -> tuple[nn.Module, int]:
    """The trunk "cnn" and its number of features."""
    trunk = SmallCnn(recipe, channels=channels, size=size)
    initialise(trunk, recipe)
    return trunk, trunk.feature_count


def mlp(recipe: ModelRecipe, *, channels: int, size: int) -> tuple[nn.Module, int]:
    """The trunk "mlp": `depth` hidden layers of `width` units on the flattened image."""
    parts: list[nn.Module] = [nn.Flatten()]
    units = channels * size * size
    for _ in range(recipe.depth):
        linear = nn.Linear(units, recipe.width, bias=True)
        norm = _vector_norm(recipe.norm, recipe.width)
        parts += [linear, *norm, _ACTIVATIONS[recipe.activation]()]
        units = recipe.width
    trunk = nn.Sequential(*parts)
    initialise(trunk, recipe)
    return trunk, units


def initialise(module: nn.Module, recipe: ModelRecipe) -> None:
    """Draws every weight anew as `recipe.init` says; "default" leaves torch's own draw."""
    if recipe.init == "default":
        return
    for part in module.modules():
        if not isinstance(part, nn.Conv2d | nn.Linear):
            continue
        if recipe.init == "xavier":
            nn.init.xavier_uniform_(part.weight)
        elif recipe.init == "he":
            nn.init.kaiming_normal_(part.weight, nonlinearity="relu")
        else:
            nn.init.orthogonal_(part.weight)
        if part.bias is not None:
            nn.init.zeros_(part.bias)
