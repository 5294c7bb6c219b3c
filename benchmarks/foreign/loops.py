"""What the plain loops share: digits, a convolutional network, and how a pass is made."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, TensorDataset

from phoropter.watching.recording import Recording


def digits(samples: int = 1200) -> tuple[TensorDataset, TensorDataset]:
    """Training samples (1, 8, 8), and 500 others."""
    bunch = load_digits()
    order = np.random.default_rng(0).permutation(len(bunch.target))
    x = torch.tensor(bunch.images[order] / 16, dtype=torch.float32)[:, None]
    y = torch.tensor(bunch.target[order])
    return TensorDataset(x[:samples], y[:samples]), TensorDataset(x[-500:], y[-500:])


def small_cnn(*, dropout: float = 0.1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1),
        nn.BatchNorm2d(32),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Dropout(dropout),
        nn.Linear(32, 10),
    )


def train_one_epoch(
    network: nn.Module,
    loader: DataLoader[tuple[Tensor, ...]],
    optimizer: torch.optim.Optimizer,
    watch: Recording,
) -> None:
    for x, y in loader:
        optimizer.zero_grad()
        loss = cross_entropy(network(x), y)
        loss.backward()
        optimizer.step()
        watch.step(loss)


@torch.no_grad()
def evaluate(network: nn.Module, val: TensorDataset, watch: Recording) -> None:
    network.eval()
    x, y = val.tensors
    outputs = network(x)
    watch.epoch(val_loss=cross_entropy(outputs, y), predictions=outputs, targets=y)


def fit(
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    watch: Recording,
    *,
    epochs: int,
    data: tuple[TensorDataset, TensorDataset],
    batch: int = 32,
    schedule: Callable[[int], None] | None = None,
) -> None:
    """The usual loop, done right."""
    train, val = data
    loader = DataLoader(train, batch_size=batch, shuffle=True)
    for epoch in range(epochs):
        network.train()
        train_one_epoch(network, loader, optimizer, watch)
        evaluate(network, val, watch)
        if schedule is not None:
            schedule(epoch)
