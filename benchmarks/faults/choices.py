"""What recipes are drawn from: usual values, those that stand there twice twice as often."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pair import Family

Choices = Mapping[str, Sequence[Any]]

RATES: Choices = {
    "sgd": (0.05, 0.1, 0.2),
    "momentum": (0.01, 0.02, 0.04),
    "nesterov": (0.01, 0.02, 0.05),
    "adagrad": (0.01, 0.02, 0.05),
    "rmsprop": (0.0003, 0.001, 0.002),
    "adam": (0.001, 0.002, 0.004),
    "adamw": (0.001, 0.002, 0.004),
    "adamax": (0.002, 0.005, 0.01),
}
HEAD_RATES: Choices = {
    "momentum": (0.01, 0.03),
    "nesterov": (0.01, 0.03),
    "adam": (0.0005, 0.001, 0.002),
    "adamw": (0.0005, 0.001, 0.002),
}
SCHEDULES = ("cosine", "one_cycle", "step", "exponential", "plateau", "constant")
_NETWORK: Choices = {
    "data.augment.preset": ("none", "light", "light", "medium"),
    "model.activation": ("relu", "relu", "leaky_relu", "gelu", "silu", "tanh"),
    "model.depth": (1, 2, 3),
    "model.dropout": (0.0, 0.0, 0.2, 0.4),
    "train.batch_size": (16, 24, 32, 50, 64, 100),
    "train.epochs": (20, 30, 40, 60, 80),
    "train.schedule": SCHEDULES,
}
DECAYS: Choices = {"adamw": (0.01, 0.05, 0.1), "others": (0.0, 0.0001, 0.001)}  # decoupled, or L2
ANY: Mapping[Family, Choices] = {
    "mlp": {
        **_NETWORK,
        "model.norm": ("batch", "batch", "layer", "group", "none"),
        "model.width": (24, 32, 48, 64, 100),
    },
    "cnn": {
        **_NETWORK,
        "model.name": ("cnn", "cnn", "xception_small"),
        "model.norm": ("batch", "batch", "layer", "group", "instance", "none"),
        "model.width": (6, 8, 12, 16),
    },
    "head": {
        "model.dropout": (0.0, 0.3, 0.5, 0.6),
        "train.batch_size": (16, 32, 64, 128),
        "train.epochs": (10, 15, 20, 30),
        "train.schedule": SCHEDULES,
    },
}
