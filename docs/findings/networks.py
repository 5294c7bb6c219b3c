"""A sound network of digits and one of each fault, for `--set model.name=networks.py:NAME`."""

import torch
from torch import nn
from torch.nn.functional import adaptive_avg_pool2d


class Sound(nn.Module):
    def __init__(self, outputs, channels, size):
        super().__init__()
        self.hidden = nn.Linear(channels * size**2, 64)
        self.further = nn.Linear(64, 64)
        self.last = nn.Linear(64, outputs)

    def features(self, images):
        return self.further(self.hidden(images.flatten(1)).relu()).relu()

    def forward(self, images):
        return self.last(self.features(images))


class Squashed(Sound):
    """Its probabilities are taken for logits by the loss."""

    def forward(self, images):
        return super().forward(images).softmax(1)


class Saturated(Sound):
    """It is sure before it has seen anything."""

    def __init__(self, outputs, channels, size):
        super().__init__(outputs, channels, size)
        self.last.weight.data *= 300


class Detached(Sound):
    """The hidden layers never hear of a mistake."""

    def features(self, images):
        return super().features(images).detach()


class Drifting(Sound):
    """A weight that nobody trains changes by itself."""

    def __init__(self, outputs, channels, size):
        super().__init__(outputs, channels, size)
        self.scale = nn.Parameter(torch.ones(64), requires_grad=False)

    def features(self, images):
        if self.training:
            self.scale.data *= 0.999
        return super().features(images) * self.scale


class Unscaled(Sound):
    """It undoes the normalisation: pixels of 0 to 255 are what it learns from."""

    def features(self, images):
        return super().features(images * 90 + 80)


class Attending(nn.Module):
    """The rows of an image attend to each other; what they hear is let in little by little."""

    batch_first = True

    def __init__(self, outputs, channels, size):
        super().__init__()
        self.rows = nn.Linear(channels * size, 32)
        self.attention = nn.MultiheadAttention(32, 2, batch_first=self.batch_first)
        self.scale = nn.Parameter(torch.full((32,), 1e-4))
        self.last = nn.Linear(32 * size, outputs)

    def forward(self, images):
        rows = self.rows(images.transpose(1, 2).flatten(2)).relu()
        heard, _ = self.attention(rows, rows, rows)
        return self.last((rows + self.scale * heard).flatten(1))


class Overhearing(Attending):
    """The first dimension is taken for the rows, as is the default: images attend to images."""

    batch_first = False


class Coarse(nn.Module):
    """All it sees of an image are the means of nine patches, and it weighs them once."""

    def __init__(self, outputs, channels):
        super().__init__()
        self.last = nn.Linear(9 * channels, outputs)

    def forward(self, images):
        return self.last(adaptive_avg_pool2d(images, 3).flatten(1))


def loud(channels, size):
    """Eight layers, each of which triples what passes, forth and back."""
    layers, inputs = [nn.Flatten()], channels * size**2
    for _ in range(8):
        layer = nn.Linear(inputs, 64)
        nn.init.normal_(layer.weight, std=3 * (2 / inputs) ** 0.5)
        layers += [layer, nn.ReLU()]
        inputs = 64
    return nn.Sequential(*layers), 64


def turned(images, generator):
    """Half of the images on their heads."""
    chosen = torch.rand(len(images), generator=generator) < 0.5
    images = images.clone()
    images[chosen] = images[chosen].flip(2, 3)
    return images
