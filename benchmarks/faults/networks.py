"""Networks and an augmentation that carry a fault, named in a recipe as `networks.py:name`.

Apart from the fault each is what it says: perceptrons and small convolutional networks for images
of any size, with torch's own initialisation.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from typing_extensions import override

WIDTH = 64
DEAD = -4.0  # standardised inputs seldom lift a unit of torch's initialisation above 4
LOUD = 3.0  # times He's standard deviation
SHARP = 300.0  # times the last layer's usual weights


def _perceptron(channels: int, size: int, *, depth: int = 2) -> nn.Module:
    layers: list[nn.Module] = [nn.Flatten()]
    units = channels * size**2
    for _ in range(depth):
        layers += [nn.Linear(units, WIDTH), nn.ReLU()]
        units = WIDTH
    return nn.Sequential(*layers)


def _convolutional(channels: int, *, norm: bool = True) -> nn.Module:
    layers: list[nn.Module] = []
    for inputs, outputs in ((channels, 16), (16, 32), (32, 64)):
        layers += [nn.Conv2d(inputs, outputs, 3, padding=1)]
        layers += [nn.BatchNorm2d(outputs)] if norm else []
        layers += [nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())


def dead_perceptron(channels: int, size: int) -> tuple[nn.Module, int]:
    """Biases of the hidden units so low that hardly any ReLU ever opens."""
    trunk = _perceptron(channels, size)
    return _with_biases(trunk, DEAD), WIDTH


def dead_convolutional(channels: int) -> tuple[nn.Module, int]:
    """The same for convolutions without normalisation."""
    return _with_biases(_convolutional(channels, norm=False), DEAD), 64


def loud_perceptron(channels: int, size: int) -> tuple[nn.Module, int]:
    """Eight layers, each of which triples what passes, forth and back."""
    trunk = _perceptron(channels, size, depth=8)
    for part in trunk.modules():
        if isinstance(part, nn.Linear):
            nn.init.normal_(part.weight, std=LOUD * (2 / part.in_features) ** 0.5)
    return trunk, WIDTH


def frozen_perceptron(channels: int, size: int) -> tuple[nn.Module, int]:
    """Hidden layers that are not trained, though nobody trained them before."""
    return _perceptron(channels, size).requires_grad_(requires_grad=False), WIDTH


def frozen_convolutional(channels: int) -> tuple[nn.Module, int]:
    """The same for convolutions."""
    return _convolutional(channels).requires_grad_(requires_grad=False), 64


class Unscaled(nn.Module):
    """Sees pixels from 0 to 255 where those of 0 to 1 were meant; goes with `normalize: none`."""

    def __init__(self, channels: int, size: int) -> None:
        super().__init__()
        self.layers = _perceptron(channels, size)

    @override
    def forward(self, images: Tensor) -> Tensor:
        features: Tensor = self.layers(255 * images)
        return features


def unscaled_perceptron(channels: int, size: int) -> tuple[nn.Module, int]:
    """A perceptron that was meant for pixels in [0, 1]."""
    return Unscaled(channels, size), WIDTH


def saturated_perceptron(outputs: int, channels: int, size: int) -> nn.Module:
    """A last layer that starts with huge weights: certain of everything before the first step."""
    return _saturated(_perceptron(channels, size), WIDTH, outputs)


def saturated_convolutional(outputs: int, channels: int) -> nn.Module:
    """The same above convolutions."""
    return _saturated(_convolutional(channels), 64, outputs)


def squashed_perceptron(outputs: int, channels: int, size: int) -> nn.Module:
    """A softmax in the network, and another one in the loss: logits never leave [0, 1]."""
    trunk = _perceptron(channels, size)
    return nn.Sequential(trunk, nn.Linear(WIDTH, outputs), nn.Softmax(dim=1))


def squashed_convolutional(outputs: int, channels: int) -> nn.Module:
    """The same above convolutions."""
    return nn.Sequential(_convolutional(channels), nn.Linear(64, outputs), nn.Softmax(dim=1))


class StuckInEval(nn.Sequential):
    """Never leaves eval mode: running statistics stay where they began."""

    @override
    def train(self, mode: bool = True) -> StuckInEval:
        return super().train(mode=False)


class StuckInTrain(nn.Sequential):
    """Never leaves train mode: what it says of an image depends on the others."""

    @override
    def train(self, mode: bool = True) -> StuckInTrain:
        return super().train(mode=True)


def stuck_in_eval(channels: int) -> tuple[nn.Module, int]:
    """Convolutions whose batch normalisation never sees a batch."""
    return StuckInEval(_convolutional(channels)).train(), 64


def stuck_in_train(channels: int) -> tuple[nn.Module, int]:
    """Convolutions whose batch normalisation goes by the batch in evaluation as well."""
    return StuckInTrain(_convolutional(channels)).train(), 64


def spun(images: Tensor, generator: torch.Generator) -> Tensor:
    """Every image turned by any number of quarters, which makes another digit of some."""
    turns = torch.randint(4, (len(images),), generator=generator).tolist()
    return torch.stack([image.rot90(k, (1, 2)) for image, k in zip(images, turns, strict=True)])


def _with_biases(trunk: nn.Module, value: float) -> nn.Module:
    for part in trunk.modules():
        if isinstance(part, nn.Linear | nn.Conv2d) and part.bias is not None:
            nn.init.constant_(part.bias, value)
    return trunk


def _saturated(trunk: nn.Module, features: int, outputs: int) -> nn.Module:
    head = nn.Linear(features, outputs)
    with torch.no_grad():
        head.weight.mul_(SHARP)
    return nn.Sequential(trunk, head)
