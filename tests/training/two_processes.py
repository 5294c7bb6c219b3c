"""Run by `torchrun` in two processes; leaves what each saw in FOLDER/RANK.json."""

import json
import sys
from pathlib import Path

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

from phoropter.core.recipe import Recipe
from phoropter.core.records import TargetSchema
from phoropter.data.memory import MemoryInputs
from phoropter.tasks.classification import Classification
from phoropter.training.loop import fit
from phoropter.training.records import TrainingData, Watch
from phoropter.training.team import Team, assembled

TRAIN = 98  # with batches of 32 the last one has two samples: one process goes without


def trained(folder: Path, team: Team, *, dropout: float = 0.0, epochs: int = 3) -> dict:
    """The history and the weights of a small network trained by the team."""
    bunch = load_digits()
    labels = bunch.target[:200].astype(np.int64)
    torch.default_generator.manual_seed(team.rank)  # the lead's start must win
    network = nn.Sequential(
        nn.Linear(64, 32), nn.LayerNorm(32), nn.ReLU(), nn.Dropout(dropout), nn.Linear(32, 10)
    )
    rows = np.arange(200)
    data = TrainingData(
        inputs=MemoryInputs((bunch.data[:200] / 16).astype(np.float32)),
        targets=torch.from_numpy(labels),
        train_rows=rows[:TRAIN],
        val_rows=rows[TRAIN:],
        train_eval_rows=rows[:50],
        metric=lambda outputs, chosen: float((outputs.argmax(1) == labels[chosen]).mean()),
    )
    recipe = Recipe().changed(
        {
            "train.epochs": epochs,
            "train.batch_size": 32,
            "train.lr": 3e-3,
            "train.numerics": "float32",
            "train.clip": 1.0,
        }
    )
    counts = tuple(np.bincount(labels[:TRAIN], minlength=10).tolist())
    schema = TargetSchema("classes", tuple("0123456789"), counts=counts)
    objective = Classification().objective(network, recipe, schema)
    outcome = fit(objective, network, data, recipe, folder=folder, watch=Watch(), team=team)
    return {
        "losses": [row.val_loss for row in outcome.history],
        "running": [row.running_loss for row in outcome.history],
        "weights": [p.flatten().tolist() for p in network.parameters()],
        "processes": outcome.numerics["processes"],
    }


def summed(team: Team) -> dict:
    """Gradients of which one process lacks one and both lack another."""
    first, second, third = (nn.Parameter(torch.zeros(2)) for _ in range(3))
    first.grad = torch.tensor([1.0, 2.0]) * (team.rank + 1)
    second.grad = torch.ones(2) if team.lead else None
    team.add_gradients([first, second, third])
    statistics = nn.BatchNorm1d(2)
    statistics.running_mean.fill_(team.rank)
    team.level_statistics(statistics)
    return {
        "gradients": [None if p.grad is None else p.grad.tolist() for p in (first, second, third)],
        "statistics": statistics.running_mean.tolist(),
        "any": team.any(team.rank == 1, False),
    }


def main(folder: Path) -> None:
    """Everything, one after the other."""
    team = assembled()
    seen = {
        "summed": summed(team),
        "plain": trained(folder / "plain", team),
        "dropout": trained(folder / "dropout", team, dropout=0.3),
    }
    (folder / f"{team.rank}.json").write_text(json.dumps(seen))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
