"""The network as it leaves the house: raw pixels in, final answers out."""

from __future__ import annotations

import copy

import numpy as np
import torch
from torch import Tensor, nn
from typing_extensions import override

from phoropter.bundle.answer import Answer, Answers, Pixels
from phoropter.core.recipe import Recipe
from phoropter.core.records import Preprocessing, TargetSchema
from phoropter.prediction.tta import averaged


class Portable(nn.Module):
    """Normalisation, network, averaging over views and decoding in one module.

    What travels takes the pixels as they are, so that nobody who uses the ONNX file has to know the
    statistics, the order of the classes' logits or the unit of the values.

    Args:
        network: Normalised float images (n, c, s, s) to raw outputs (n, outputs).
        preprocessing: Its normalisation is built in.
        schema: Decides the decoding: softmax for classes, unit and offset for values.
        tta: Views averaged for each sample.
        temperature: What logits of classes are divided by.
    """

    mean: Tensor
    std: Tensor
    offset: Tensor
    scale: Tensor

    def __init__(
        self,
        network: nn.Module,
        preprocessing: Preprocessing,
        schema: TargetSchema,
        *,
        tta: int,
        temperature: float = 1.0,
    ) -> None:
        super().__init__()
        self.network = network
        self.tta = tta
        self.temperature = temperature
        self.kind = schema.kind
        norm = preprocessing.normalization
        self.register_buffer("mean", torch.tensor(norm.mean).reshape(1, -1, 1, 1))
        self.register_buffer("std", torch.tensor(norm.std).reshape(1, -1, 1, 1))
        self.register_buffer("offset", torch.tensor(schema.offset).reshape(1, len(schema.offset)))
        self.register_buffer("scale", torch.tensor(schema.scale).reshape(1, len(schema.scale)))

    @override
    def forward(self, pixels: Tensor) -> Tensor:
        """Pixels 0..255, uint8 (n, c, s, s), to probabilities (n, k) or values (n, t)."""
        images = (pixels.to(self.mean.dtype) / 255.0 - self.mean) / self.std
        outputs = averaged(self.network, images, tta=self.tta)
        if self.kind == "classes":
            return (outputs / self.temperature).softmax(dim=1)
        return outputs * self.scale + self.offset


def portable(
    network: nn.Module,
    preprocessing: Preprocessing,
    schema: TargetSchema,
    *,
    tta: int,
    temperature: float = 1.0,
) -> Portable:
    """A copy of the network on the CPU, in float32 and eval mode, wrapped for travelling."""
    own = copy.deepcopy(network).cpu().float()
    return Portable(own, preprocessing, schema, tta=tta, temperature=temperature).eval()


def outer_views(recipe: Recipe) -> int:
    """Views that are averaged around the network; the members of an ensemble average their own."""
    return 1 if recipe.predict.ensemble else recipe.predict.tta


def torch_answer(network: Portable) -> Answer:
    """A function that answers by torch: pixels (n, c, s, s) to float64 (n, outputs)."""

    def answer(pixels: Pixels) -> Answers:
        with torch.inference_mode():
            outputs = network(torch.from_numpy(np.array(pixels)))
        return np.asarray(outputs.numpy(), dtype=np.float64)

    return answer
