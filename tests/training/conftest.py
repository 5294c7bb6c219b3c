from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_digits
from torch import nn

from phoropter.core.protocols import Objective
from phoropter.core.recipe import Recipe
from phoropter.core.records import TargetSchema
from phoropter.core.run_records import Epoch
from phoropter.data.index import index
from phoropter.data.memory import MemoryInputs
from phoropter.data.open import open_dataset
from phoropter.data.split import make_split, rows
from phoropter.tasks.classification import Classification
from phoropter.training.loop import fit
from phoropter.training.problem import Problem, problem_digest
from phoropter.training.records import FitOutcome, TrainingData, Watch

SAMPLES = 400


@dataclass(frozen=True)
class Setup:
    """A small, real problem: handwritten digits and a network for them."""

    network: nn.Module
    data: TrainingData
    schema: TargetSchema
    task: Classification = Classification()  # noqa: RUF009 - has no state

    def fit(
        self,
        folder: Path,
        *,
        watch: Watch | None = None,
        objective: Objective | None = None,
        **change: Any,
    ) -> FitOutcome:
        recipe = recipe_of(**change)
        return fit(
            objective or self.task.objective(self.network, recipe, self.schema),
            self.network,
            self.data,
            recipe,
            folder=folder,
            watch=watch or Watch(),
        )

    def recipe(self, **change: Any) -> Recipe:
        return recipe_of(**change)

    def having(self, **change: Any) -> "Setup":
        return replace(self, data=replace(self.data, **change))


def recipe_of(**change: Any) -> Recipe:
    small = {"epochs": 3, "batch_size": 32, "lr": 3e-3, "numerics": "float32", "patience": 0}
    return Recipe().changed({f"train.{key}": value for key, value in {**small, **change}.items()})


@pytest.fixture
def digits() -> Callable[..., Setup]:
    def make(*, train: int = 250, dropout: float = 0.2, seed: int = 0) -> Setup:
        bunch = load_digits()
        labels = bunch.target[:SAMPLES].astype(np.int64)
        rows = np.arange(SAMPLES)
        with torch.random.fork_rng():
            torch.default_generator.manual_seed(seed)
            network = nn.Sequential(
                nn.Linear(64, 32),
                nn.BatchNorm1d(32),
                nn.ReLU(),
                nn.Dropout(dropout),
                nn.Linear(32, 10),
            )
            with torch.no_grad():
                network[-1].weight.mul_(0.1)
                network[-1].bias.zero_()
        data = TrainingData(
            inputs=MemoryInputs((bunch.data[:SAMPLES] / 16).astype(np.float32)),
            targets=torch.from_numpy(labels),
            train_rows=rows[:train],
            val_rows=rows[train:],
            train_eval_rows=rows[: min(train, 150)],
            metric=lambda outputs, rows: float((outputs.argmax(1) == labels[rows]).mean()),
        )
        counts = tuple(np.bincount(labels[:train], minlength=10).tolist())
        return Setup(network, data, TargetSchema("classes", tuple("0123456789"), counts=counts))

    return make


@pytest.fixture
def epoch() -> Callable[..., Epoch]:
    def make(number: int, **change: Any) -> Epoch:
        row = Epoch(number, 10 * number, 0.1, 1.5, 1.25, 1.75, 0.5, 0.25, 2.0, 3.0)
        return replace(row, **change)

    return make


@pytest.fixture(scope="session")
def problem(tmp_path_factory) -> Problem:
    """A learning problem as a project poses it: 120 small grey images in three folders."""
    folder = tmp_path_factory.mktemp("problem")
    bunch = load_digits()
    for label, name in enumerate(("zero", "one", "two")):
        (folder / "digits" / name).mkdir(parents=True)
        for number, at in enumerate(np.flatnonzero(bunch.target == label)[:40]):
            pixels = np.rint(bunch.images[at] * 15.9375).astype(np.uint8)
            Image.fromarray(pixels).save(folder / "digits" / name / f"{number}.png")
    dataset = index(open_dataset(folder / "digits"))
    split = make_split(dataset)
    task = Classification()
    return Problem(
        dataset=dataset,
        split=split,
        task=task,
        schema=task.schema(dataset, rows(dataset, split, "train")),
        metric="accuracy",
        cache=folder / "cache",
        digest=problem_digest(dataset, split, "accuracy"),
    )


@pytest.fixture(scope="session")
def tiny() -> Callable[..., Recipe]:
    """A small network on 8 x 8 grey pixels, with some keys changed."""

    def made(**change: Any) -> Recipe:
        small = {
            "data.size": 8,
            "data.channels": 1,
            "data.resize": "stretch",
            "data.normalize": "data",
            "model.name": "cnn",
            "model.pretrained": False,
            "model.transfer": "finetune",
            "model.width": 4,
            "model.depth": 1,
            "train.epochs": 3,
            "train.batch_size": 16,
            "train.patience": 0,
            "train.numerics": "float32",
        }
        named = {key.replace("__", "."): value for key, value in change.items()}
        return Recipe().changed({**small, **named})

    return made
