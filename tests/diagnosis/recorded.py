"""Real, tiny runs of the project's own loop, with everything that it records about the network."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from sklearn.datasets import load_digits

from phoropter.augment.mixing import mixer
from phoropter.augment.policies import augmenter
from phoropter.core.recipe import Recipe
from phoropter.core.records import Normalization, TargetSchema
from phoropter.core.run_records import RunSummary
from phoropter.data.memory import MemoryInputs
from phoropter.diagnosis.evidence import RunEvidence
from phoropter.models.build import build
from phoropter.prediction.run import outputs
from phoropter.tasks.classification import Classification
from phoropter.training.dynamics import read_dynamics
from phoropter.training.loop import fit
from phoropter.training.records import FitOutcome, TrainingData, Watch
from phoropter.training.signals import read_signals

PLAIN = {
    "data.size": 8,
    "data.channels": 1,
    "data.normalize": "data",
    "model.pretrained": False,
    "model.transfer": "finetune",
    "model.dropout": 0.0,
    "train.numerics": "float32",
    "train.epochs": 12,
    "train.batch_size": 32,
    "train.lr": 3e-3,
    "train.patience": 0,
}
MLP = {"model.name": "mlp", "model.depth": 2, "model.width": 64}
CNN = {"model.name": "cnn", "model.depth": 2, "model.width": 8}


@dataclass(frozen=True)
class Setup:
    """One run: a change of `PLAIN`, and what is done to the labels.

    Args:
        change: Dotted recipe keys.
        samples: Of training.
        wrong: Share of the labels, of all parts, that are drawn anew among the other classes.
    """

    change: Mapping[str, Any] = field(default_factory=dict)
    samples: int = 800
    wrong: float = 0.0


def digits(wrong: float = 0.0, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """All digits in a random order: uint8 images (n, 1, 8, 8), and labels of which some lie."""
    bunch = load_digits()
    draws = np.random.default_rng(seed)
    order = draws.permutation(len(bunch.target))
    images = (bunch.images[order, None] * 15).astype(np.uint8)
    labels = bunch.target[order].astype(np.int64)
    other = (labels + draws.integers(1, 10, len(labels))) % 10
    return images, np.where(draws.random(len(labels)) < wrong, other, labels)


def recorded(setup: Setup, seed: int = 0) -> RunEvidence:
    """The records of a run on digits: `samples` to learn from, the last 500 to judge by."""
    images, labels = digits(setup.wrong, seed)
    return run_on(images, labels, Recipe(seed=seed).changed(PLAIN | dict(setup.change)),
                  train=setup.samples, val=500)  # fmt: skip


def run_on(
    images: np.ndarray, labels: np.ndarray, recipe: Recipe, *, train: int, val: int
) -> RunEvidence:
    """The records of a run on some images (n, c, h, w)."""
    classes = int(labels.max()) + 1
    counts = np.bincount(labels[:train], minlength=classes)
    schema = TargetSchema("classes", tuple(map(str, range(classes))), tuple(counts.tolist()))
    data = _samples(images, labels, recipe, train=train, val=val)
    torch.set_num_threads(1)
    network = build(recipe, schema)
    mix = mixer(recipe.data.augment)
    objective = Classification().objective(network, recipe, schema, mix=mix)
    with TemporaryDirectory() as place:
        folder = Path(place)
        outcome = fit(objective, network, data, recipe, folder=folder, watch=Watch())
        signals, dynamics = read_signals(folder), read_dynamics(folder)

    def said(rows: np.ndarray) -> Any:
        raw = outputs(network, data.inputs, rows, normalization=data.normalization)
        return Classification().predictions(list(map(str, rows)), labels[rows], raw, schema)

    return RunEvidence(
        summary=_summary(outcome, schema),
        recipe=recipe,
        history=outcome.history,
        gates=(),
        predictions=said(data.val_rows),
        train_predictions=said(data.train_eval_rows),
        metric="accuracy",
        greater_is_better=True,
        signals=signals,
        dynamics=dynamics,
    )


def _samples(
    images: np.ndarray, labels: np.ndarray, recipe: Recipe, *, train: int, val: int
) -> TrainingData:
    pixels = images[:train] / 255.0
    mean, std = pixels.mean((0, 2, 3)), np.maximum(pixels.std((0, 2, 3)), 1e-3)
    rows = np.arange(len(labels))
    how = recipe.data
    return TrainingData(
        inputs=MemoryInputs(images),
        targets=torch.from_numpy(labels),
        train_rows=rows[:train],
        val_rows=rows[-val:],
        train_eval_rows=rows[: min(train, 500)],
        metric=lambda raw, chosen: float((raw.argmax(1) == labels[chosen]).mean()),
        normalization=Normalization(tuple(mean.tolist()), tuple(std.tolist())),
        augment=augmenter(how.augment, size=how.size, channels=how.channels),
    )


def _summary(outcome: FitOutcome, schema: TargetSchema) -> RunSummary:
    return RunSummary(
        run="0" * 16,
        metric="accuracy",
        epochs=outcome.epochs,
        steps=outcome.steps,
        best_epoch=outcome.best_epoch,
        seconds=outcome.seconds,
        samples_per_second=outcome.samples_per_second,
        stopped_by=outcome.stopped_by,
        numerics=outcome.numerics,
        schema=schema,
        features="",
    )


PLAIN_NET = {**MLP, "model.norm": "none"}
DEEP = {**PLAIN_NET, "model.depth": 8}
NOISY = {
    "data.augment.policy": "randaugment",
    "data.augment.policy_ops": 4,
    "data.augment.policy_magnitude": 30,
    "train.epochs": 6,
}
FEW = {"train.epochs": 8, "train.batch_size": 400}

HEALTHY: Mapping[str, Setup] = {
    "mlp": Setup(MLP),
    "mlp, no norm": Setup(PLAIN_NET),
    "mlp, momentum": Setup({**MLP, "train.optimizer": "momentum", "train.lr": 0.05}),
    "mlp, dropout": Setup({**MLP, "model.dropout": 0.2}),
    "mlp, smoothed": Setup({**MLP, "train.label_smoothing": 0.1}),
    "mlp, batches of 8": Setup({**PLAIN_NET, "train.batch_size": 8, "train.epochs": 6}),
    "deep tanh": Setup({**DEEP, "model.depth": 5, "model.activation": "tanh"}),
    "deep, normalised": Setup({**MLP, "model.depth": 8}),
    "wide": Setup({**PLAIN_NET, "model.width": 512, "train.epochs": 6, "train.lr": 1e-3}),
    "cnn": Setup(CNN),
    "cnn, varied": Setup({**CNN, "data.augment.preset": "light", "data.augment.flip": False}),
    "cnn, batches of 4": Setup({**CNN, "train.batch_size": 4, "train.epochs": 4}),
}

SICK: Mapping[str, Setup] = {
    "vanishing-gradient": Setup({**DEEP, "model.activation": "sigmoid"}),
    "vanishing-gradient, momentum": Setup(
        {**DEEP, "model.activation": "sigmoid", "train.optimizer": "momentum", "train.lr": 0.05}
    ),
    "dead-activations": Setup({**PLAIN_NET, "train.lr": 1.0}),
    "batch-too-small": Setup({**MLP, "train.batch_size": 2, "train.epochs": 5}),
    "batch-too-large": Setup({**MLP, **FEW}),
    "batch-too-large, all": Setup({**PLAIN_NET, **FEW, "train.batch_size": "full"}),
    "label-noise": Setup(MLP, wrong=0.2),
    "label-noise, a tenth": Setup(CNN, wrong=0.1),
    "augmentation-too-strong": Setup({**CNN, **NOISY}),
    "augmentation-too-strong, no image left": Setup(
        {
            **CNN,
            **NOISY,
            "data.augment.preset": "strong",
            "data.augment.erasing": 1.0,
        }
    ),
    "augmentation-too-weak": Setup({**MLP, "train.epochs": 30}, samples=100),
}


@cache
def trained(name: str, seed: int = 0) -> RunEvidence:
    """The records of one of the setups."""
    return recorded((dict(HEALTHY) | dict(SICK))[name], seed)
