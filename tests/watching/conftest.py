"""A plain training loop on digits, as anybody writes it, watched or not."""

from dataclasses import dataclass, field

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn import functional

import phoropter


def perceptron():
    return nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Dropout(0.2), nn.Linear(32, 10))


@dataclass
class Loop:
    """One training; what a test wants otherwise, it says.

    Methods `before`, `after` and `validate` are replaced by tests that need another loop.
    """

    make: object = perceptron
    optimize: object = lambda network: torch.optim.Adam(network.parameters(), lr=3e-3)
    passes: int = 3
    batch: int = 32
    samples: int = 480
    clear: bool = True
    train_mode: bool = True
    eval_mode: bool = True
    shuffle: bool = True
    order: str = "mixed"
    accumulate: int = 1
    told: dict = field(default_factory=dict)

    def __post_init__(self):
        bunch = load_digits()
        rows = np.random.default_rng(0).permutation(len(bunch.target))
        self.x = torch.tensor(bunch.data[rows] / 16, dtype=torch.float32)
        self.y = torch.tensor(bunch.target[rows])
        if self.order == "sorted":
            first = self.y[: self.samples].argsort()
            self.x[: self.samples] = self.x[first]
            self.y[: self.samples] = self.y[first]
        torch.default_generator.manual_seed(0)
        self.network = self.make()
        self.optimizer = self.optimize(self.network)
        self.losses, self.held = [], []

    def run(self, folder=None):
        """Trains; gives the recording, or None where nothing is watched."""
        watch = None
        if folder is not None:
            told = {"folder": folder, "classes": 10, **self.told}
            watch = phoropter.watch(self.network, self.optimizer, **told)
        for _ in range(self.passes):
            self.network.train(self.train_mode)
            rows = torch.randperm(self.samples) if self.shuffle else torch.arange(self.samples)
            for number, batch in enumerate(rows.split(self.batch)):
                self.step(batch, number, watch)
            self.validate(watch)
        return watch

    def step(self, batch, number, watch):
        first = number % self.accumulate == 0
        if self.clear and first:
            self.optimizer.zero_grad()
        loss = functional.cross_entropy(self.network(self.x[batch]), self.y[batch])
        (loss / self.accumulate).backward()
        if number % self.accumulate == self.accumulate - 1:
            self.optimizer.step()
        self.losses.append(float(loss.detach()))
        if watch is not None:
            watch.step(loss)

    @torch.no_grad()
    def validate(self, watch):
        self.network.train(not self.eval_mode)
        outputs = self.network(self.x[-500:])
        loss = functional.cross_entropy(outputs, self.y[-500:])
        self.held.append(float(loss))
        if watch is not None:
            watch.epoch(val_loss=loss, predictions=outputs, targets=self.y[-500:])


@pytest.fixture
def make_loop():
    return Loop
