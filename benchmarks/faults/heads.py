"""The linear heads on frozen features: see `pairs.py` for how the recipes were chosen."""

from __future__ import annotations

from pair import HEAD, Pair

TINY = {**HEAD, "train.epochs": 15, "train.lr": 0.002, "train.weight_decay": 0.1}
PHOTOGRAPHS = {**TINY, "data.size": 128, "train.epochs": 20, "train.lr": 0.001}

HEADS = [
    Pair(
        "cifar_a",
        "head",
        "tune",
        TINY,
    ),
    Pair(
        "ants_bees",
        "head",
        "tune",
        PHOTOGRAPHS,
    ),
    Pair(
        "cifar_b",
        "head",
        "tune",
        TINY,
    ),
    Pair(
        "xray3",
        "head",
        "tune",
        {**HEAD, "train.epochs": 20, "train.lr": 0.001, "train.weight_decay": 0.1},
    ),
    Pair(
        "cifar_c",
        "head",
        "tune",
        TINY,
    ),
    Pair(
        "clothes",
        "head",
        "tune",
        PHOTOGRAPHS,
    ),
    Pair(
        "cifar_d",
        "head",
        "tune",
        TINY,
    ),
    Pair(
        "mnist_c",
        "head",
        "tune",
        {**HEAD, "train.epochs": 30, "train.lr": 0.002, "train.weight_decay": 0.1},
    ),
    Pair(
        "cifar_e",
        "head",
        "tune",
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
        "tune",
        {
            **HEAD,
            "data.size": 112,
            "train.epochs": 15,
            "train.batch_size": 24,
            "train.lr": 0.001,
            "train.weight_decay": 0.1,
        },
    ),
    Pair(
        "sleeves",
        "head",
        "tune",
        {
            **HEAD,
            "model.dropout": 0.6,
            "train.weight_decay": 0.2,
            "train.epochs": 15,
            "train.lr": 0.001,
        },
    ),
    Pair(
        "cifar_f",
        "head",
        "tune",
        {
            **HEAD,
            "train.weight_decay": 0.2,
            "train.epochs": 15,
            "train.lr": 0.001,
        },
    ),
    Pair(
        "cifar_g",
        "head",
        "tune",
        {
            **HEAD,
            "data.size": 128,
            "train.optimizer": "adam",
            "train.weight_decay": 0.001,
            "train.epochs": 20,
            "train.batch_size": 32,
            "train.lr": 0.001,
        },
    ),
    Pair(
        "raccoons",
        "head",
        "tune",
        {
            **HEAD,
            "data.size": 112,
            "train.optimizer": "nesterov",
            "train.weight_decay": 0.1,
            "train.epochs": 60,
            "train.batch_size": 24,
            "train.lr": 0.004,
        },
    ),
    Pair(
        "cifar_h",
        "head",
        "tune",
        {
            **HEAD,
            "data.size": 80,
            "train.weight_decay": 0.5,
            "train.epochs": 30,
            "train.batch_size": 40,
            "train.lr": 0.001,
        },
    ),
    Pair(
        "wardrobe",
        "head",
        "tune",
        {
            **HEAD,
            "data.size": 64,
            "model.dropout": 0.7,
            "train.weight_decay": 0.5,
            "train.epochs": 36,
            "train.batch_size": 64,
            "train.lr": 0.0007,
        },
    ),
]
