"""What recording the inside of a network costs; training with and without it alternates.

Run: python benchmarks/signals_cost.py [--rounds N] [--only NAME]

Signals are the gradient norms, update lengths and gradient cosines of `training/signals.py`, the
inactive units of `training/activity.py`, and the per-sample losses of `training/dynamics.py`, with
the files they are written to. Without them the gradient norm is measured once a pass. The losses on
training and validation samples after every pass are learning curves, made in both. Each run is a
whole `fit` of the same recipe, from a copy of the same network, checkpoints included; whichever
comes first changes from pair to pair. Aim: at most 1.03 everywhere.
"""

from __future__ import annotations

import argparse
import copy
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from unittest.mock import patch

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from torch import nn

from phoropter.core.recipe import Recipe
from phoropter.core.records import Normalization, TargetSchema
from phoropter.data.memory import MemoryInputs
from phoropter.models.build import build
from phoropter.tasks.classification import Classification
from phoropter.training import loop as loop_module
from phoropter.training import run as run_module
from phoropter.training.activity import Activity
from phoropter.training.dynamics import Dynamics
from phoropter.training.records import TrainingData, Watch
from phoropter.training.signals import Signals

CLASSES = 10


@dataclass(frozen=True, slots=True)
class Case:
    """A network and samples.

    Args:
        network: What is trained.
        inputs: Of all samples.
        labels: Of all samples.
        train: How many of them, from the first on, are trained on.
        epochs: Passes of a run.
    """

    network: nn.Module
    inputs: np.ndarray
    labels: NDArray[np.int64]
    train: int
    epochs: int


def schema() -> TargetSchema:
    return TargetSchema("classes", tuple("0123456789"), counts=(1,) * CLASSES)


def network(name: str, size: int, channels: int) -> nn.Module:
    made = {"model.name": name, "model.pretrained": False}
    return build(Recipe().changed({**made, "data.size": size, "data.channels": channels}), schema())


def mlp() -> Case:
    """The plain network on scikit-learn's digits."""
    bunch = load_digits()
    images = (bunch.images[:, None] * 15).astype(np.uint8)
    return Case(network("mlp", 8, 1), images, bunch.target.astype(np.int64), 1437, 10)


def cnn() -> Case:
    """The small convolutional network at 28 px."""
    return Case(network("cnn", 28, 1), *noise(1, 28, 1200), 1000, 1)


def resnet18() -> Case:
    """ResNet-18 at 64 px."""
    return Case(network("resnet18", 64, 3), *noise(3, 64, 416), 384, 1)


def head() -> Case:
    """A head on 1,280 features, as of a frozen EfficientNet-Lite0."""
    draw = np.random.default_rng(0)
    features = draw.normal(size=(2400, 1280)).astype(np.float32)
    linear = nn.Sequential(nn.Dropout(0.2), nn.Linear(1280, CLASSES))
    return Case(linear, features, draw.integers(0, CLASSES, 2400), 2000, 20)


def noise(channels: int, side: int, images: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    draw = np.random.default_rng(0)
    pixels = draw.integers(0, 256, (images, channels, side, side), dtype=np.uint8)
    return pixels, draw.integers(0, CLASSES, images)


CASES = {case.__name__: case for case in (mlp, cnn, resnet18, head)}


@contextmanager
def unwatched() -> Iterator[None]:
    """Inside the block little is measured but the loss of a step."""

    def nothing(*_args: object, **_named: object) -> None:
        return None

    with ExitStack() as stack:
        for holder, name, value in (
            (run_module, "is_sampled", lambda *_args, **_named: False),
            (run_module, "NORM_EVERY", 2**62),
            (loop_module, "write_signals", nothing),
            (Signals, "wanted", lambda *_args: False),
            (Signals, "before_step", nothing),
            (Signals, "after_step", nothing),
            (Signals, "end_pass", nothing),
            (Activity, "watched", lambda _self: nullcontext()),
            (Dynamics, "add", nothing),
            (Dynamics, "write", nothing),
        ):
            stack.enter_context(patch.object(holder, name, value))
        yield


def seconds(case: Case) -> float:
    """Of a whole run."""
    rows = np.arange(len(case.labels))
    channels = case.inputs.shape[1]
    recipe = Recipe().changed(
        {
            "train.epochs": case.epochs,
            "train.batch_size": 32,
            "train.patience": 0,
            "train.numerics": "float32",
        }
    )
    data = TrainingData(
        inputs=MemoryInputs(case.inputs),
        targets=torch.from_numpy(case.labels),
        train_rows=rows[: case.train],
        val_rows=rows[case.train :],
        train_eval_rows=rows[: len(rows) - case.train],
        metric=lambda outputs, rows: float((outputs.argmax(1) == case.labels[rows]).mean()),
        normalization=Normalization((0.5,) * channels, (0.25,) * channels),
    )
    learner = copy.deepcopy(case.network)
    objective = Classification().objective(learner, recipe, schema())
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        loop_module.fit(objective, learner, data, recipe, folder=Path(folder), watch=Watch())
        return time.perf_counter() - started


def measure(name: str, rounds: int) -> None:
    case = CASES[name]()
    seconds(case)
    plain: list[float] = []
    full: list[float] = []
    for number in range(rounds):
        for watched in (True, False) if number % 2 else (False, True):
            with nullcontext() if watched else unwatched():
                (full if watched else plain).append(seconds(case))
    steps = case.epochs * -(-case.train // 32)
    each = sorted(b / a for a, b in zip(plain, full, strict=True))
    print(
        f"{name:10} {steps:4} steps: without {1e3 * median(plain) / steps:8.3f} ms a step, with "
        f"{1e3 * median(full) / steps:8.3f} ms; ratio of medians "
        f"{median(full) / median(plain):.3f}, of the best {min(full) / min(plain):.3f}, pairs "
        f"{each[len(each) // 4]:.3f} to {each[3 * len(each) // 4]:.3f} (quartiles)"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--only", choices=tuple(CASES))
    chosen = parser.parse_args()
    for name in CASES:
        if chosen.only in {None, name}:
            measure(name, chosen.rounds)


if __name__ == "__main__":
    main()
