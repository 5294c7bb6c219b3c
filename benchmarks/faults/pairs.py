"""The sound trainings: which model on which set, with which recipe, and in which half.

The recipes were chosen by their scores: learning curves that came to rest, and a training score
within a few points of the validation score. What the diagnosis says of them played no part.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Half = Literal["tune", "report"]
Family = Literal["mlp", "cnn", "head"]


@dataclass(frozen=True)
class Pair:
    """A model on a set.

    Args:
        images: Name of the set.
        family: What kind of model.
        half: Whether the rules may be mended by it, or are only measured on it.
        settings: Dotted recipe keys of the sound recipe.
    """

    images: str
    family: Family
    half: Half
    settings: Mapping[str, Any]

    @property
    def name(self) -> str:
        return f"{self.images}-{self.settings['model.name'].removesuffix('_lite0')}"


COMMON = {
    "data.resize": "stretch",
    "data.augment.flip": False,
    "train.numerics": "float32",  # what "auto" would measure depends on what else is running
    "train.patience": 0,
}
SCRATCH = {
    **COMMON,
    "data.normalize": "data",
    "model.pretrained": False,
    "model.transfer": "finetune",
}
HEAD = {
    **COMMON,
    "data.size": 96,
    "model.name": "efficientnet_lite0",
    "model.transfer": "features",
    "model.dropout": 0.5,
    "train.batch_size": 64,
}


def _pairs() -> list[Pair]:
    grey: Mapping[str, Any] = {**SCRATCH, "data.channels": 1}
    return [
        Pair(
            "digits",
            "mlp",
            "tune",
            {
                **grey,
                "data.size": 8,
                "model.name": "mlp",
                "model.depth": 2,
                "model.width": 64,
                "model.norm": "none",
                "train.epochs": 25,
                "train.batch_size": 32,
                "train.lr": 0.003,
            },
        ),
        Pair(
            "digits",
            "cnn",
            "tune",
            {
                **grey,
                "data.size": 8,
                "model.name": "cnn",
                "model.depth": 2,
                "model.width": 16,
                "train.epochs": 15,
                "train.batch_size": 32,
                "train.lr": 0.003,
            },
        ),
        Pair(
            "cifar_a",
            "cnn",
            "tune",
            {
                **SCRATCH,
                "data.size": 16,
                "data.augment.flip": True,
                "data.augment.preset": "light",
                "model.name": "cnn",
                "model.depth": 3,
                "model.width": 8,
                "train.epochs": 20,
                "train.batch_size": 32,
                "train.lr": 0.002,
            },
        ),
        Pair(
            "cifar_a",
            "head",
            "tune",
            {**HEAD, "train.epochs": 15, "train.lr": 0.002, "train.weight_decay": 0.1},
        ),
        Pair(
            "ants_bees",
            "head",
            "tune",
            {
                **HEAD,
                "data.size": 128,
                "train.epochs": 20,
                "train.lr": 0.001,
                "train.weight_decay": 0.1,
            },
        ),
        Pair(
            "mnist",
            "mlp",
            "tune",
            {
                **grey,
                "data.size": 28,
                "data.augment.preset": "light",
                "model.name": "mlp",
                "model.depth": 3,
                "model.width": 96,
                "model.norm": "layer",
                "model.activation": "gelu",
                "train.optimizer": "momentum",
                "train.epochs": 25,
                "train.batch_size": 32,
                "train.lr": 0.03,
            },
        ),
        Pair(
            "mnist",
            "cnn",
            "tune",
            {
                **grey,
                "data.size": 14,
                "data.augment.preset": "light",
                "model.name": "xception_small",
                "model.depth": 2,
                "model.width": 16,
                "train.epochs": 12,
                "train.batch_size": 32,
                "train.lr": 0.004,
            },
        ),
        Pair(
            "cifar_b",
            "cnn",
            "tune",
            {
                **SCRATCH,
                "data.size": 16,
                "data.augment.flip": True,
                "data.augment.preset": "light",
                "model.name": "xception_small",
                "model.depth": 3,
                "model.width": 16,
                "train.epochs": 15,
                "train.batch_size": 32,
                "train.lr": 0.003,
            },
        ),
        Pair(
            "cifar_b",
            "head",
            "tune",
            {**HEAD, "train.epochs": 15, "train.lr": 0.002, "train.weight_decay": 0.1},
        ),
        Pair(
            "xray3",
            "head",
            "tune",
            {**HEAD, "train.epochs": 20, "train.lr": 0.001, "train.weight_decay": 0.1},
        ),
        Pair(
            "mnist_b",
            "mlp",
            "tune",
            {
                **grey,
                "data.size": 14,
                "data.augment.preset": "light",
                "model.name": "mlp",
                "model.depth": 2,
                "model.width": 128,
                "model.norm": "batch",
                "model.activation": "leaky_relu",
                "model.dropout": 0.3,
                "train.optimizer": "adam",
                "train.epochs": 40,
                "train.batch_size": 64,
                "train.lr": 0.001,
            },
        ),
        Pair(
            "mnist_b",
            "cnn",
            "tune",
            {
                **grey,
                "data.size": 28,
                "data.augment.preset": "light",
                "model.name": "cnn",
                "model.depth": 3,
                "model.width": 12,
                "model.norm": "group",
                "model.activation": "silu",
                "train.optimizer": "nesterov",
                "train.epochs": 15,
                "train.batch_size": 32,
                "train.lr": 0.03,
            },
        ),
        Pair(
            "cifar_c",
            "cnn",
            "tune",
            {
                **SCRATCH,
                "data.size": 24,
                "data.augment.flip": True,
                "data.augment.preset": "light",
                "model.name": "cnn",
                "model.depth": 3,
                "model.width": 12,
                "model.activation": "gelu",
                "train.epochs": 20,
                "train.batch_size": 16,
                "train.lr": 0.001,
            },
        ),
        Pair(
            "cifar_c",
            "head",
            "tune",
            {**HEAD, "train.epochs": 15, "train.lr": 0.002, "train.weight_decay": 0.1},
        ),
        Pair(
            "clothes",
            "head",
            "tune",
            {
                **HEAD,
                "data.size": 128,
                "train.epochs": 20,
                "train.lr": 0.001,
                "train.weight_decay": 0.1,
            },
        ),
        Pair(
            "mnist_c",
            "mlp",
            "tune",
            {
                **grey,
                "data.size": 20,
                "data.augment.preset": "light",
                "model.name": "mlp",
                "model.depth": 2,
                "model.width": 160,
                "model.norm": "none",
                "model.activation": "silu",
                "train.epochs": 40,
                "train.batch_size": 50,
                "train.lr": 0.001,
            },
        ),
        Pair(
            "mnist_c",
            "cnn",
            "tune",
            {
                **grey,
                "data.size": 20,
                "data.augment.preset": "light",
                "model.name": "cnn",
                "model.depth": 2,
                "model.width": 16,
                "train.optimizer": "adam",
                "train.epochs": 15,
                "train.batch_size": 40,
                "train.lr": 0.002,
            },
        ),
        Pair(
            "cifar_d",
            "cnn",
            "tune",
            {
                **SCRATCH,
                "data.size": 20,
                "data.augment.flip": True,
                "data.augment.preset": "light",
                "model.name": "xception_small",
                "model.depth": 2,
                "model.width": 8,
                "train.optimizer": "momentum",
                "train.epochs": 20,
                "train.batch_size": 32,
                "train.lr": 0.02,
            },
        ),
        Pair(
            "cifar_d",
            "head",
            "tune",
            {**HEAD, "train.epochs": 15, "train.lr": 0.002, "train.weight_decay": 0.1},
        ),
        Pair(
            "mnist_c",
            "head",
            "tune",
            {**HEAD, "train.epochs": 30, "train.lr": 0.002, "train.weight_decay": 0.1},
        ),
        Pair(
            "cells",
            "mlp",
            "report",
            {
                **grey,
                "data.size": 16,
                "data.augment.flip": True,
                "data.augment.preset": "light",
                "model.name": "mlp",
                "model.depth": 3,
                "model.width": 40,
                "model.norm": "none",
                "model.activation": "leaky_relu",
                "train.optimizer": "momentum",
                "train.schedule": "constant",
                "train.weight_decay": 0.03,
                "train.epochs": 40,
                "train.batch_size": 40,
                "train.lr": 0.01,
            },
        ),
        Pair(
            "streets",
            "mlp",
            "report",
            {
                **SCRATCH,
                "data.size": 6,
                "data.augment.flip": True,
                "data.augment.preset": "light",
                "model.name": "mlp",
                "model.depth": 2,
                "model.width": 40,
                "model.norm": "batch",
                "model.activation": "gelu",
                "model.dropout": 0.4,
                "train.weight_decay": 0.1,
                "train.epochs": 30,
                "train.batch_size": 40,
                "train.lr": 0.001,
            },
        ),
        Pair(
            "streets",
            "cnn",
            "report",
            {
                **SCRATCH,
                "data.size": 20,
                "data.augment.flip": True,
                "data.augment.preset": "medium",
                "model.name": "cnn",
                "model.depth": 2,
                "model.width": 8,
                "model.activation": "gelu",
                "train.optimizer": "adamax",
                "train.epochs": 15,
                "train.batch_size": 25,
                "train.lr": 0.004,
            },
        ),
        Pair(
            "cifar_e",
            "cnn",
            "report",
            {
                **SCRATCH,
                "data.size": 16,
                "data.augment.flip": True,
                "data.augment.preset": "light",
                "model.name": "cnn",
                "model.depth": 2,
                "model.width": 12,
                "train.optimizer": "nesterov",
                "train.epochs": 16,
                "train.batch_size": 50,
                "train.lr": 0.02,
            },
        ),
        Pair(
            "cifar_e",
            "head",
            "report",
            {
                **HEAD,
                "model.dropout": 0.7,
                "train.epochs": 10,
                "train.lr": 0.0005,
                "train.weight_decay": 0.3,
            },
        ),
        Pair(
            "garments",
            "head",
            "report",
            {
                **HEAD,
                "data.size": 112,
                "train.epochs": 15,
                "train.batch_size": 24,
                "train.lr": 0.001,
                "train.weight_decay": 0.1,
            },
        ),
    ]


PAIRS = {pair.name: pair for pair in _pairs()}
