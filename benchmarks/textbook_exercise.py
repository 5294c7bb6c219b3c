"""A textbook's first network, 1,000 epochs, validated after each: phoropter, Keras, bare torch.

Run: python benchmarks/textbook_exercise.py --peer-python PATH [--rounds N] [--epochs N]

Four clouds of points, 800 to learn from and 200 for validation, one hidden layer of 25 units, Adam,
batches of 32. PATH is a Python with benchmarks/peers/keras.txt installed. All three are fresh
processes, one after the other; *seconds* is what each says its training took (Keras: `fit`, its
compilation included; ours: the whole run, from reading the data to its predictions), *process* is
from start to exit, *cpu* what all its threads used in that time, which a busy machine changes
least. The bare loop does the least that gives a learning curve: torch's default Adam on one thread,
and loss and accuracy of the validation part after each epoch. Ours measures 500 of the training
samples too, and keeps the best weights, checkpoints, gradient norms and the history.
Aim: at most a third of Keras' time, and its accuracy (about .85 on both parts).
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

PEER = Path(__file__).parent / "peers" / "keras_blobs.py"
COMMAND = Path(sys.executable).with_name("phoropter")
RECIPE = """
data: {normalize: none}
model: {name: mlp, pretrained: false, depth: 1, width: 25, norm: none, dropout: 0.0}
train: {epochs: EPOCHS, batch_size: 32, optimizer: adam, lr: 0.001, weight_decay: 0.0,
        schedule: constant, warmup: 0.0, patience: 0}
"""


def write_points(path: Path) -> None:
    """The exercise's points, and 200 more of the same clouds for the test part, left sealed."""
    import polars as pl
    from sklearn.datasets import make_blobs

    clouds = {"cluster_std": 2, "return_centers": True}
    points, labels, centers = make_blobs(1000, centers=4, random_state=2, **clouds)
    more, others, _ = make_blobs(200, centers=centers, random_state=3, **clouds)
    pl.DataFrame(
        {
            "x": [*points[:, 0], *more[:, 0]],
            "y": [*points[:, 1], *more[:, 1]],
            "target": [f"blob {label}" for label in (*labels, *others)],
            "split": ["train"] * 800 + ["val"] * 200 + ["test"] * 200,
        }
    ).write_csv(path)


def bare(epochs: int) -> None:
    import torch
    from sklearn.datasets import make_blobs
    from torch import nn
    from torch.nn import functional

    torch.set_num_threads(1)  # with more, a busy machine takes up to forty times as long
    points, labels = (
        torch.from_numpy(a) for a in make_blobs(1000, 2, centers=4, cluster_std=2, random_state=2)
    )
    points = points.float()
    network = nn.Sequential(nn.Linear(2, 25), nn.ReLU(), nn.Linear(25, 4))
    optimizer = torch.optim.Adam(network.parameters())
    started = time.perf_counter()
    accuracy = 0.0
    for _ in range(epochs):
        order = torch.randperm(800)
        for first in range(0, 800, 32):
            rows = order[first : first + 32]
            optimizer.zero_grad()
            functional.cross_entropy(network(points[rows]), labels[rows]).backward()
            optimizer.step()
        with torch.inference_mode():
            outputs = network(points[800:])
            functional.cross_entropy(outputs, labels[800:]).item()
            accuracy = (outputs.argmax(1) == labels[800:]).float().mean().item()
    print(json.dumps({"seconds": time.perf_counter() - started, "val": accuracy}))


def timed(words: list[str | Path]) -> dict[str, Any]:
    started, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(list(map(str, words)), capture_output=True, text=True, check=False)
    seconds, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    if done.returncode:
        sys.exit(f"{words[0]} failed:\n{done.stderr}")
    text = done.stdout
    return {**json.loads(text[text.index("{") :]), "process": seconds, "cpu": cpu}


def ours(epochs: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        data, recipe = Path(folder) / "blobs.csv", Path(folder) / "recipe.yaml"
        write_points(data)
        recipe.write_text(RECIPE.replace("EPOCHS", str(epochs)))
        project = Path(folder) / "project"
        words = [COMMAND, "train", data, "--recipe", recipe, "--project", project, "--json"]
        result = timed([*words, "--quiet"])
        history = next(project.glob("runs/*/history.jsonl")).read_text().splitlines()
        last = json.loads(history[-1])
        return {**result, "train": last["train_metric"], "val": last["val_metric"]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer-python", type=Path)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--epochs", type=int, default=1000)
    parser.add_argument("--bare", action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.bare:
        bare(chosen.epochs)
        return
    if chosen.peer_python is None:
        parser.error("--peer-python is needed")
    loops = {
        "phoropter": lambda: ours(chosen.epochs),
        "keras": lambda: timed([chosen.peer_python, PEER, str(chosen.epochs)]),
        "bare": lambda: timed([sys.executable, __file__, "--bare", "--epochs", str(chosen.epochs)]),
    }
    rounds = [{name: loop() for name, loop in loops.items()} for _ in range(chosen.rounds)]
    middle = {
        name: {
            key: median(one[name][key] for one in rounds)
            for key in ("seconds", "process", "cpu", "val")
        }
        for name in loops
    }
    for name, numbers in middle.items():
        print(f"{name:10} " + "  ".join(f"{key} {value:.3f}" for key, value in numbers.items()))
    for name in ("keras", "bare"):
        ratios = {
            key: median(one[name][key] / one["phoropter"][key] for one in rounds)
            for key in ("seconds", "process", "cpu")
        }
        print(f"{name} takes " + ", ".join(f"{r:.2f} times the {key}" for key, r in ratios.items()))


if __name__ == "__main__":
    main()
