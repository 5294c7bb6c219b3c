"""Bundles of small real models on scikit-learn's digits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_digits
from torch import nn

from phoropter.bundle.export import Exported, export
from phoropter.bundle.model_card import BundleCard
from phoropter.core.decoding import Decoding
from phoropter.core.recipe import Recipe
from phoropter.core.records import Metric, Normalization, Preprocessing, TargetSchema
from phoropter.models.build import build, build_trunk
from phoropter.models.classic import fit_classic
from phoropter.models.network import Network

SIZE = 16
PREPROCESSING = Preprocessing(
    size=SIZE,
    resize="stretch",
    channels=1,
    interpolation="bilinear",
    crop_share=1.0,
    normalization=Normalization((0.3,), (0.4,)),
)
CLASSES = TargetSchema("classes", tuple(f"digit {i}" for i in range(10)), counts=(10,) * 10)
VALUES = TargetSchema("values", ("value", "evenness"), offset=(4.5, 0.5), scale=(2.9, 0.5))
CARD = BundleCard(
    name="digits",
    description="scanned digits",
    parts={"train": 100, "val": 40, "test": 40},
    primary="accuracy",
    measured_on="test",
    metrics=(Metric("accuracy", 0.91, 0.85, 0.96, 40),),
)


@dataclass(frozen=True)
class Made:
    """A network with what its bundle is made of."""

    network: nn.Module
    recipe: Recipe
    schema: TargetSchema
    pixels: np.ndarray

    def export(self, folder: Path, *, decoding: Decoding | None = None) -> Exported:
        return export(
            self.network,
            folder=folder,
            recipe=self.recipe,
            schema=self.schema,
            preprocessing=PREPROCESSING,
            golden=self.pixels[:8],
            card=replace(CARD, decoding=decoding or Decoding()),
        )


@pytest.fixture(scope="session")
def pixels() -> np.ndarray:
    """120 digits as the network gets them, (n, 1, 16, 16) uint8."""
    images = (load_digits().images[:120] * 15.9).astype(np.uint8)
    return images.repeat(2, axis=1).repeat(2, axis=2)[:, None]


@pytest.fixture(scope="session")
def labels() -> np.ndarray:
    return load_digits().target[:120].astype(np.int64)


@pytest.fixture(scope="session")
def make(pixels: np.ndarray, labels: np.ndarray) -> Callable[..., Made]:
    """Makes a network by model name and kind of target; its weights are not those of the start."""

    def made(name: str, *, kind: str = "classes", tta: int = 1) -> Made:
        schema = CLASSES if kind == "classes" else VALUES
        recipe = Recipe().changed(
            {
                "task": "classification" if kind == "classes" else "regression",
                "model.name": name,
                "model.depth": 2,
                "model.width": 8,
                "data.size": SIZE,
                "data.channels": 1,
                "data.resize": "stretch",
                "predict.tta": tta,
            }
        )
        if name in {"cnn", "mlp"}:
            network: nn.Module = moved(build(recipe, schema))
        else:
            network = classic(name, schema)
        return Made(network, recipe, schema, pixels)

    def classic(name: str, schema: TargetSchema) -> Network:
        trunk, count = build_trunk("pixels", pretrained=False, channels=1, size=SIZE)
        normalised = (pixels.astype(np.float32) / 255 - 0.3) / 0.4
        features = normalised.reshape(len(pixels), -1)
        targets = labels if schema.kind == "classes" else np.stack([labels, labels % 2], axis=1)
        head = fit_classic(name, features, targets, schema=schema, seed=0)
        return Network(trunk, head, count)

    return made


def moved(network: nn.Module) -> nn.Module:
    """The network with every number changed, running statistics too, as training would."""
    draws = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for tensor in network.state_dict().values():
            if tensor.is_floating_point():
                tensor.add_(0.1 * torch.rand(tensor.shape, generator=draws))
    return network


@pytest.fixture
def image_files(tmp_path: Path, pixels: np.ndarray) -> list[Path]:
    """Five digits as PNG files in a folder with a subfolder."""
    folder = tmp_path / "photos"
    (folder / "more").mkdir(parents=True)
    paths = [folder / ("more" if row > 2 else "") / f"{row}.png" for row in range(5)]
    for row, path in enumerate(paths):
        Image.fromarray(pixels[row, 0]).save(path)
    return paths


@pytest.fixture(scope="session")
def cnn_bundle(make: Callable[..., Made], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sound bundle of a small classifier; copy it before harming it."""
    return make("cnn").export(tmp_path_factory.mktemp("shared") / "model").folder
