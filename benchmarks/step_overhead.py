"""What the training loop costs on top of a bare PyTorch loop; the two alternate in one process.

Run: python benchmarks/step_overhead.py [--rounds N]

Both loops do the same work: shuffled batches, AdamW, and loss and accuracy of the validation part
and of as many training samples, before training and after every pass. Ours also measures gradient
norms, schedules the learning rate, keeps the best weights, writes history and checkpoints.
Aims: at most 1.05 for ResNet-18 at 64 px, at most 1.25 for a network of 25 hidden units.
"""

from __future__ import annotations

import argparse
import copy
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np
import timm
import torch
from sklearn.datasets import make_blobs
from torch import Tensor, nn
from torch.nn import functional

from phoropter.core.recipe import Recipe
from phoropter.core.records import Normalization, TargetSchema
from phoropter.data.memory import MemoryInputs
from phoropter.tasks.classification import Classification
from phoropter.training.loop import fit
from phoropter.training.records import TrainingData, Watch

BATCH = 32


@dataclass(frozen=True, slots=True)
class Case:
    name: str
    network: nn.Module
    inputs: np.ndarray
    labels: np.ndarray
    train: int
    epochs: int
    aim: float


def blobs() -> Case:
    points, labels = make_blobs(1000, centers=4, cluster_std=2, random_state=2)
    network = nn.Sequential(nn.Linear(2, 25), nn.ReLU(), nn.Linear(25, 4))
    return Case("MLP 2-25-4", network, points.astype(np.float32), labels, 800, 40, 1.25)


def resnet() -> Case:
    images = np.random.default_rng(0).integers(0, 256, (416, 3, 64, 64), dtype=np.uint8)
    labels = np.random.default_rng(1).integers(0, 4, 416)
    network = timm.create_model("resnet18", num_classes=4)
    return Case("ResNet-18, 64 px", network, images, labels, 384, 1, 1.05)


def bare(case: Case, network: nn.Module) -> None:
    inputs, labels = torch.from_numpy(case.inputs), torch.from_numpy(case.labels)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3)
    judged(case, network, inputs, labels)
    for _ in range(case.epochs):
        network.train()
        order = torch.randperm(case.train)
        for first in range(0, case.train, BATCH):
            rows = order[first : first + BATCH]
            optimizer.zero_grad()
            loss = functional.cross_entropy(network(floats(inputs[rows])), labels[rows])
            loss.backward()
            optimizer.step()
        judged(case, network, inputs, labels)


def judged(case: Case, network: nn.Module, inputs: Tensor, labels: Tensor) -> list[float]:
    network.eval()
    numbers = []
    with torch.inference_mode():
        for part in (slice(case.train, None), slice(0, len(labels) - case.train)):
            outputs = network(floats(inputs[part]))
            numbers.append(functional.cross_entropy(outputs, labels[part]).item())
            numbers.append((outputs.argmax(1) == labels[part]).float().mean().item())
    return numbers


def floats(inputs: Tensor) -> Tensor:
    return (inputs.float() / 255 - 0.5) / 0.25 if inputs.dtype == torch.uint8 else inputs


def ours(case: Case, network: nn.Module) -> None:
    labels = torch.from_numpy(case.labels)
    rows = np.arange(len(labels))
    recipe = Recipe().changed(
        {"train.epochs": case.epochs, "train.batch_size": BATCH, "train.patience": 0}
    )
    data = TrainingData(
        inputs=MemoryInputs(case.inputs),
        targets=labels,
        train_rows=rows[: case.train],
        val_rows=rows[case.train :],
        train_eval_rows=rows[: len(rows) - case.train],
        metric=lambda outputs, rows: float((outputs.argmax(1) == case.labels[rows]).mean()),
        normalization=Normalization((0.5,) * 3, (0.25,) * 3),
    )
    schema = TargetSchema("classes", ("a", "b", "c", "d"), counts=(1, 1, 1, 1))
    objective = Classification().objective(network, recipe, schema)
    with tempfile.TemporaryDirectory() as folder:
        fit(objective, network, data, recipe, folder=Path(folder), watch=Watch())


def seconds(loop: Callable[[Case, nn.Module], None], case: Case) -> float:
    network = copy.deepcopy(case.network)
    started = time.perf_counter()
    loop(case, network)
    return time.perf_counter() - started


def measure(case: Case, rounds: int) -> None:
    seconds(bare, case)
    seconds(ours, case)
    pairs = [(seconds(bare, case), seconds(ours, case)) for _ in range(rounds)]
    steps = case.epochs * -(-case.train // BATCH)
    plain, full = (min(pair[side] for pair in pairs) / steps * 1e3 for side in (0, 1))
    middle = median(full / plain for plain, full in pairs)
    print(
        f"{case.name:18} bare {plain:8.3f} ms a step, ours {full:8.3f} ms, "
        f"ratio of the best {full / plain:.3f}, median ratio {middle:.3f} (aim {case.aim})"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", choices=("blobs", "resnet"))
    chosen = parser.parse_args()
    for case in (blobs, resnet):
        if chosen.only in {None, case.__name__}:
            measure(case(), chosen.rounds)


if __name__ == "__main__":
    main()
