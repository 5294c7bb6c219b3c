"""Raises runs as forked children, so that torch is imported once, and kills them.

Usage: nursery.py FOLDER KILLS. Prints JSON: the number of kills that hit a live run, of those that
left a checkpoint within a pass, and whether weights and history equal those of a run left alone.
"""

import hashlib
import json
import os
import random
import signal
import sys
import time
from pathlib import Path

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

from phoropter.core.recipe import Recipe
from phoropter.core.records import TargetSchema
from phoropter.data.memory import MemoryInputs
from phoropter.tasks.classification import Classification
from phoropter.training import run as run_module
from phoropter.training.checkpoint import load_state
from phoropter.training.loop import fit
from phoropter.training.records import TrainingData, Watch

STEP_S = 0.002


def train(folder: Path) -> None:
    torch.set_num_threads(1)
    torch.default_generator.manual_seed(1)
    network = nn.Sequential(
        nn.Flatten(),
        nn.Linear(64, 16),
        nn.BatchNorm1d(16),
        nn.ReLU(),
        nn.Dropout(0.3),
        nn.Linear(16, 10),
    )
    torch.default_generator.seed()  # a resumed run must not need this state
    images = (load_digits().images[:300, None] * 15).astype(np.uint8)
    labels = load_digits().target[:300].astype(np.int64)
    recipe = Recipe().changed(
        {
            "train.epochs": 6,
            "train.batch_size": 8,
            "train.ema": 0.9,
            "train.accumulate": 2,
            "train.patience": 0,
            "train.lr": 0.01,
            "train.layer_decay": 0.8,
            "train.unfreeze": 0.4,
        }
    )
    rows = np.arange(300)
    data = TrainingData(
        inputs=MemoryInputs(images),
        targets=torch.from_numpy(labels),
        train_rows=rows[:240],
        val_rows=rows[240:],
        train_eval_rows=rows[:60],
        metric=lambda outputs, chosen: float((outputs.argmax(1) == labels[chosen]).mean()),
        augment=vary,
    )
    schema = TargetSchema("classes", tuple("0123456789"), counts=(24,) * 10)
    objective = Classification().objective(network, recipe, schema, mix=mix)
    fit(objective, network, data, recipe, folder=folder, watch=Watch())


def vary(images, generator):
    time.sleep(STEP_S / 2)  # two batches a step
    return images + 0.1 * torch.randn(images.shape, generator=generator)


def mix(inputs, generator):
    share = float(torch.rand((), generator=generator))
    partner = torch.randperm(len(inputs), generator=generator)
    return torch.lerp(inputs[partner], inputs, share), partner, share


def born(folder: Path) -> int:
    child = os.fork()
    if child == 0:
        try:
            train(folder)
        finally:
            os._exit(0 if (folder / "outcome.json").exists() else 1)
    return child


def result(folder: Path) -> list[str]:
    names = ("checkpoint/best.safetensors", "history.jsonl")
    return [hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in names]


def main(folder: Path, kills: int) -> None:
    # As often as can be: each kill is to find another checkpoint, within the passes too.
    run_module.SAVE_EVERY_S, run_module.SAVING_SHARE = 0.0, 0.5
    train(folder / "first")  # here, so that the children find everything imported
    started = time.monotonic()
    train(folder / "whole")
    whole_s = time.monotonic() - started
    moments = random.Random()
    hit = within = 0
    for _ in range(3 * kills):
        if hit == kills:
            break
        child = born(folder / "killed")
        time.sleep(moments.uniform(0.0, 1.6 * whole_s / kills))
        os.kill(child, signal.SIGKILL)
        hit += os.WIFSIGNALED(os.waitpid(child, 0)[1])
        state = load_state(folder / "killed")
        within += state is not None and state["place"][1] > 0
    os.waitpid(born(folder / "killed"), 0)
    equal = result(folder / "whole") == result(folder / "killed")
    outcome = {"hit": hit, "within": within, "equal": equal, "whole_s": whole_s}
    sys.stdout.write(json.dumps(outcome))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
