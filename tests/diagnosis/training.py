"""Real, tiny trainings whose records the rules are judged by; loaded by the conftest beside it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn import functional

from phoropter.core.predictions import ClassPredictions, ValuePredictions
from phoropter.core.recipe import Recipe
from phoropter.core.records import TargetSchema
from phoropter.core.run_records import Epoch, RunSummary
from phoropter.diagnosis.evidence import RunEvidence

ADAM = {"train.epochs": 30, "train.lr": 3e-3, "train.batch_size": 32}
SGD = {"train.optimizer": "momentum", "train.lr": 0.05, "train.batch_size": 32}


@dataclass(frozen=True)
class Data:
    """Inputs (n, 64) and targets of three parts; values where `values`, else classes."""

    x: np.ndarray
    y: np.ndarray
    x_val: np.ndarray
    y_val: np.ndarray
    values: bool = False


@dataclass(frozen=True)
class Setup:
    """One training; the recipe says how."""

    data: Data
    net: Callable[[int], nn.Module]
    change: Mapping[str, Any] = field(default_factory=dict)
    metric: str = "accuracy"


@cache
def digits(n: int = 1000, seed: int = 0) -> Data:
    """`n` digits for training, 500 others for validation."""
    bunch = load_digits()
    order = np.random.default_rng(seed).permutation(len(bunch.target))
    x = (bunch.data[order] / 16.0).astype(np.float32)
    y = bunch.target[order].astype(np.int64)
    return Data(x[:n], y[:n], x[-500:], y[-500:])


def mlp(width: int, depth: int = 1, *, dropout: float = 0.0) -> Callable[[int], nn.Module]:
    """A builder of a perceptron on 64 pixels."""

    def build(outputs: int) -> nn.Module:
        layers: list[nn.Module] = []
        inputs = 64
        for _ in range(depth):
            layers += [nn.Linear(inputs, width), nn.ReLU(), nn.Dropout(dropout)]
            inputs = width
        return nn.Sequential(*layers, nn.Linear(inputs, outputs))

    return build


def cnn(outputs: int) -> nn.Module:
    """A small convolutional network with batch normalisation."""
    return nn.Sequential(
        nn.Unflatten(1, (1, 8, 8)),
        nn.Conv2d(1, 16, 3, padding=1),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1),
        nn.BatchNorm2d(32),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(32, outputs),
    )


def linear(outputs: int) -> nn.Module:
    """Softmax regression."""
    return nn.Linear(64, outputs)


class Plain:
    """A training loop written out by hand, as the oracle of what a history looks like."""

    def __init__(self, setup: Setup, seed: int = 0) -> None:
        self.data, self.seed = setup.data, seed
        self.setup = setup
        self.recipe = Recipe(
            task="regression" if self.data.values else "classification", seed=seed
        ).changed(
            {"model.name": "mlp", "model.pretrained": False, "model.dropout": 0.0}
            | {"train.patience": 0, "train.warmup": 0.0, "model.transfer": "finetune"}
            | dict(setup.change)
        )
        torch.set_num_threads(1)
        with torch.random.fork_rng():
            torch.random.default_generator.manual_seed(seed)
            self.outputs = 1 if self.data.values else 10
            self.net = setup.net(self.outputs)
        self.offset = float(self.data.y.mean()) if self.data.values else 0.0
        self.scale = float(self.data.y.std()) if self.data.values else 1.0
        self.optimizer = self._optimizer()
        self.fixed = slice(0, 500)

    def _optimizer(self) -> torch.optim.Optimizer:
        train = self.recipe.train
        if train.optimizer == "adamw":
            return torch.optim.AdamW(
                self.net.parameters(), lr=train.lr, weight_decay=train.weight_decay, fused=True
            )
        momentum = train.momentum if train.optimizer == "momentum" else 0.0
        return torch.optim.SGD(
            self.net.parameters(), lr=train.lr, momentum=momentum, nesterov=momentum > 0
        )

    def loss(self, x: np.ndarray, y: np.ndarray) -> torch.Tensor:
        outputs = self.net(torch.from_numpy(x))
        if self.data.values:
            target = torch.from_numpy((y - self.offset) / self.scale).float()
            return functional.mse_loss(outputs[:, 0], target)
        smooth = self.recipe.train.label_smoothing if self.net.training else 0.0
        weight = None
        if self.recipe.train.class_weights == "balanced" and self.net.training:
            counts = np.bincount(self.data.y, minlength=10).clip(1)
            weight = torch.from_numpy(len(self.data.y) / 10 / counts).float()
        return functional.cross_entropy(
            outputs, torch.from_numpy(y), label_smoothing=smooth, weight=weight
        )

    @torch.no_grad()
    def predict(self, x: np.ndarray, y: np.ndarray) -> Any:
        self.net.eval()
        raw = self.net(torch.from_numpy(x))
        ids = np.array([str(index) for index in range(len(y))])
        if self.data.values:
            values = raw.double().numpy() * self.scale + self.offset
            return ValuePredictions(ids, y[:, None].astype(float), values, ("value",))
        probabilities = raw.double().nan_to_num(0.0).softmax(1).numpy()
        return ClassPredictions(ids, y, probabilities, tuple("0123456789"))

    @torch.no_grad()
    def row(self, epoch: int, step: int, losses: list[float], norms: list[float]) -> Epoch:
        self.net.eval()
        data, fixed = self.data, self.fixed
        train = float(self.loss(data.x[fixed], data.y[fixed]))
        val = float(self.loss(data.x_val, data.y_val))
        return Epoch(
            epoch=epoch,
            step=step,
            lr=self.optimizer.param_groups[0]["lr"],
            running_loss=float(np.mean(losses)) if losses else None,
            train_loss=train,
            val_loss=val,
            train_metric=self.metric(self.predict(data.x[fixed], data.y[fixed])),
            val_metric=self.metric(self.predict(data.x_val, data.y_val)),
            grad_norm=float(np.median(norms)) if norms else None,
            worst_loss=float(np.max(losses)) if losses else None,
        )

    def metric(self, predictions: Any) -> float:
        if self.data.values:
            return float(np.sqrt(np.mean((predictions.values - predictions.truth) ** 2)))
        return float(np.mean(predictions.predicted == predictions.truth))

    def fit(self) -> RunEvidence:
        train, data = self.recipe.train, self.data
        batch = min(train.batch_size, len(data.y))
        per_epoch = int(np.ceil(len(data.y) / batch))
        total = train.epochs * per_epoch
        history = [self.row(0, 0, [], [])]
        best, state, step, stopped = np.inf, None, 0, "finished"
        order = np.random.default_rng(self.seed)
        for epoch in range(1, train.epochs + 1):
            losses, norms = [], []
            self.net.train()
            shuffled = order.permutation(len(data.y))
            for start in range(0, len(data.y), batch):
                self._rate(step, total)
                rows = shuffled[start : start + batch]
                loss = self.loss(data.x[rows], data.y[rows])
                self.optimizer.zero_grad()
                loss.backward()
                limit = train.clip or float("inf")
                norm = nn.utils.clip_grad_norm_(self.net.parameters(), limit)
                self.optimizer.step()
                step += 1
                losses.append(float(loss.detach()))
                norms.append(float(norm))
            history.append(self.row(epoch, step, losses, norms))
            if not np.isfinite(losses[-1]):
                stopped = "diverged"
                break
            last = history[-1].val_loss
            if last is not None and last < best:
                best, kept = last, epoch
                state = {key: value.clone() for key, value in self.net.state_dict().items()}
            elif train.patience and epoch - kept >= train.patience:
                stopped = "patience"
                break
        if state is not None:
            self.net.load_state_dict(state)
        return self._evidence(history, stopped)

    def _rate(self, step: int, total: int) -> None:
        train = self.recipe.train
        warm = train.warmup * total
        factor = min(1.0, (step + 1) / warm) if warm else 1.0
        if train.schedule == "cosine" and step >= warm:
            factor = 0.5 * (1 + np.cos(np.pi * (step - warm) / (total - warm)))
        for group in self.optimizer.param_groups:
            group["lr"] = train.lr * factor

    def _evidence(self, history: list[Epoch], stopped: str) -> RunEvidence:
        data = self.data
        schema = (
            TargetSchema("values", ("value",), (), (self.offset,), (self.scale,))
            if data.values
            else TargetSchema(
                "classes",
                tuple("0123456789"),
                tuple(np.bincount(data.y, minlength=10).tolist()),
            )
        )
        val_losses = [row.val_loss if row.val_loss is not None else np.inf for row in history]
        metric = "rmse" if data.values else self.setup.metric
        summary = RunSummary(
            "0" * 16,
            metric,
            len(history) - 1,
            history[-1].step,
            int(np.argmin(val_losses)),
            1.0,
            1.0,
            stopped,
            {},
            schema,
            "",
        )
        return RunEvidence(
            summary=summary,
            recipe=self.recipe,
            history=tuple(history),
            gates=(),
            predictions=self.predict(data.x_val, data.y_val),
            train_predictions=self.predict(data.x[self.fixed], data.y[self.fixed]),
            metric=metric,
            greater_is_better=not data.values,
        )


def _imbalanced() -> Data:
    """Sixteen eights and sixteen nines against a hundred of every other digit."""
    data = digits(1200)
    keep = np.ones(len(data.y), bool)
    for name in (8, 9):
        keep[np.flatnonzero(data.y == name)[6:]] = False
    return replace(data, x=data.x[keep], y=data.y[keep])


def _one_class() -> Data:
    """Nine of ten samples are zeros; the rest are noisy."""
    data = digits(1200)
    draws = np.random.default_rng(0)

    def thin(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        rest = np.flatnonzero(y != 0)
        some = draws.choice(rest, size=max(10, (y == 0).sum() // 9), replace=False)
        rows = draws.permutation(np.concatenate([np.flatnonzero(y == 0), some]))
        return (0 * x[rows]).astype(np.float32), y[rows]

    return Data(*thin(data.x, data.y), *thin(data.x_val, data.y_val))


def _shuffled() -> Data:
    data = digits()
    draws = np.random.default_rng(0)
    return replace(data, y=draws.permutation(data.y), y_val=draws.permutation(data.y_val))


def _ink(noise: float = 0.1, n: int = 1000) -> Data:
    """How much ink the middle of the picture has: a number to be predicted, with noise."""
    data = digits(n)
    draws = np.random.default_rng(0)

    def target(x: np.ndarray) -> np.ndarray:
        ink = x[:, 24:40].sum(1)
        return ink + noise * ink.std() * draws.normal(size=len(x))

    return replace(data, y=target(data.x), y_val=target(data.x_val), values=True)


def setups() -> dict[str, Setup]:
    """Every training of these tests by name; those that begin with "healthy" have no fault."""
    return _healthy() | _wrong_rates() | _other_faults()


def _healthy() -> dict[str, Setup]:
    return {
        "healthy mlp": Setup(digits(), mlp(64), ADAM),
        "healthy mlp, constant rate": Setup(
            digits(), mlp(64), {**ADAM, "train.lr": 1e-3, "train.schedule": "constant"}
        ),
        "healthy cnn": Setup(digits(), cnn, {**ADAM, "train.epochs": 12, "train.lr": 1e-2}),
        "healthy cnn, momentum": Setup(digits(), cnn, {**SGD, "train.epochs": 12}),
        "healthy linear": Setup(digits(), linear, {**ADAM, "train.lr": 1e-2}),
        "healthy, early stop": Setup(
            digits(), mlp(128), {**ADAM, "train.epochs": 60, "train.patience": 5}
        ),
        "healthy, smoothed": Setup(
            digits(), mlp(64, dropout=0.2), {**ADAM, "train.label_smoothing": 0.1}
        ),
        "healthy, few images": Setup(digits(300), mlp(64), {**ADAM, "train.epochs": 40}),
        "healthy values": Setup(_ink(), mlp(64), ADAM),
        "healthy values, noisy": Setup(_ink(0.5), mlp(16), ADAM),
    }


def _wrong_rates() -> dict[str, Setup]:
    return {
        "rate x100": Setup(digits(), mlp(64), {**ADAM, "train.lr": 0.3, "train.epochs": 16}),
        "rate x100, constant": Setup(
            digits(),
            mlp(64, 2),
            {**ADAM, "train.lr": 0.1, "train.schedule": "constant", "train.epochs": 16},
        ),
        "rate x100, momentum": Setup(digits(), mlp(64), {**SGD, "train.lr": 5.0}),
        "nan": Setup(_ink(), mlp(64, 2), {**SGD, "train.lr": 50.0}),
        "rate /1000": Setup(digits(), mlp(64), {**ADAM, "train.lr": 3e-6, "train.epochs": 16}),
        "rate /100": Setup(digits(), mlp(64), {**ADAM, "train.lr": 3e-5, "train.epochs": 15}),
        "rate /1000, momentum": Setup(digits(), mlp(64), {**SGD, "train.lr": 5e-5}),
        "rate /1000, values": Setup(
            _ink(), mlp(64), {**ADAM, "train.lr": 3e-6, "train.epochs": 12}
        ),
    }


def _other_faults() -> dict[str, Setup]:
    return {
        "two epochs": Setup(digits(), mlp(64), {**ADAM, "train.lr": 1e-3, "train.epochs": 2}),
        "one epoch": Setup(digits(), mlp(64), {**ADAM, "train.lr": 1e-3, "train.epochs": 1}),
        "five epochs, constant": Setup(
            digits(),
            mlp(64),
            {"train.epochs": 5, "train.schedule": "constant", "train.batch_size": 128},
        ),
        "tiny net": Setup(digits(), mlp(2), {**ADAM, "model.width": 2}),
        "narrow deep net": Setup(digits(), mlp(2, 2), {**ADAM, "model.width": 2}),
        "100 images": Setup(digits(100), mlp(256, 2), {**ADAM, "train.epochs": 100}),
        "noisy labels": Setup(
            _noisy_labels(digits(200)), mlp(256), {**ADAM, "train.epochs": 60, "train.lr": 1e-2}
        ),
        "values, 60 images": Setup(_ink(0.5, 60), mlp(256, 2), {**ADAM, "train.epochs": 100}),
        "shuffled labels": Setup(
            _shuffled(), mlp(256), {**ADAM, "train.epochs": 40, "train.lr": 1e-2}
        ),
        "constant input": Setup(
            replace(digits(), x=0 * digits().x, x_val=0 * digits().x_val), mlp(64), ADAM
        ),
        "rare classes": Setup(
            _imbalanced(), linear, {**ADAM, "train.epochs": 15}, metric="macro_f1"
        ),
        "nearly one class": Setup(_one_class(), mlp(64), ADAM, metric="macro_f1"),
    }


def _noisy_labels(data: Data) -> Data:
    draws = np.random.default_rng(0)
    wrong = draws.random(len(data.y)) < 0.3
    return replace(data, y=np.where(wrong, draws.integers(0, 10, len(data.y)), data.y))


@cache
def trained(name: str, seed: int = 0) -> RunEvidence:
    """The records of one of the `setups`."""
    return Plain(setups()[name], seed).fit()
