"""What frozen features and fine-tuning give and cost, by the number of training images.

Run: python benchmarks/transfer.py --data FOLDER [--sizes 50 100 200 400] [--seeds 3] [--px 96]
                                   [--passes 8] [--methods NAME ...]
     python benchmarks/transfer.py --steps

FOLDER holds class folders under train, validation (or val, valid) and test. Of the training part so
many images are drawn, other ones for each seed, every class in proportion; the network is
EfficientNet-Lite0 with the weights of `phoropter[weights]`. The pass with the lowest loss on the
validation part is kept, as everywhere, and right answers are counted on the test part (on the
validation part where there is none, and the figures are then flattering). Seconds are those of the
processor, all threads together, decoding left out and features computed anew: other work on the
machine changes them little.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from statistics import mean, stdev

import numpy as np
import polars as pl
import torch
from torch.nn.functional import cross_entropy

from phoropter.core.events import silent
from phoropter.core.recipe import Recipe
from phoropter.core.records import Dataset, Split, TargetSchema
from phoropter.core.seed import generator
from phoropter.data.index import index
from phoropter.data.open import open_dataset
from phoropter.data.split import make_split, rows
from phoropter.metrics import named
from phoropter.models.build import build
from phoropter.models.layer_groups import layer_groups
from phoropter.tasks.classification import Classification
from phoropter.tasks.supervised import Losses, Supervised
from phoropter.training.execute import execute, predicted
from phoropter.training.optimizers import make_optimizers
from phoropter.training.problem import Problem, problem_digest
from phoropter.training.sources import open_images
from phoropter.training.unfreezing import Unfreezing

COMMON = {"model.name": "efficientnet_lite0", "train.patience": 0, "train.numerics": "float32"}
HEAD = {"model.transfer": "features", "train.lr": 0.003, "train.epochs": 60}
TUNED = {
    "model.transfer": "finetune",
    "train.lr": 0.0003,
    "train.head_lr_factor": 10.0,
    "train.warmup": 0.1,
    "train.batch_size": 16,
    "data.augment.preset": "light",
}
LAYERED = {**TUNED, "train.layer_decay": 0.8, "train.unfreeze": 0.3}
METHODS = {
    "features": HEAD,
    "features, 5 fixed views": {**HEAD, "data.augment.views": 5},
    "features, 8 drawn views": {
        **HEAD,
        "data.augment.views": 8,
        "data.augment.preset": "light",
    },
    "finetune": TUNED,
    "finetune, layer_decay": {**TUNED, "train.layer_decay": 0.8},
    "finetune, layer_decay, unfreeze": LAYERED,
    **{
        f"finetune, batches of {size}, {kind} statistics": {
            **TUNED,
            "train.batch_size": size,
            "train.norm_statistics": kind,
        }
        for size in (4, 8, 16, 32)
        for kind in ("batch", "kept")
    },
}
USUAL = [name for name in METHODS if "statistics" not in name and "fixed" not in name]


def subset(dataset: Dataset, split: Split, *, size: int, seed: int) -> tuple[Dataset, Split]:
    """The data with `size` training images: every class in proportion, one at least."""
    train = rows(dataset, split, "train")
    order = generator(seed, "subset").permutation(train)
    labels = dataset.table[dataset.targets[0]].to_numpy()
    kept = np.concatenate(
        [
            of_class[: max(1, round(size * len(of_class) / len(train)))]
            for name in np.unique(labels[train])
            if len(of_class := order[labels[order] == name])
        ]
    )
    dropped = set(dataset.table["id"].gather(np.setdiff1d(train, kept)))
    chosen = [
        table.filter(~pl.col("id").is_in(list(dropped))) for table in (dataset.table, split.table)
    ]
    return replace(dataset, table=chosen[0]), replace(split, table=chosen[1])


def posed(dataset: Dataset, split: Split, cache: Path) -> Problem:
    task = Classification()
    return Problem(
        dataset=dataset,
        split=split,
        task=task,
        schema=task.schema(dataset, rows(dataset, split, "train")),
        metric="accuracy",
        cache=cache,
        digest=problem_digest(dataset, split, "accuracy"),
    )


def measured(recipe: Recipe, problem: Problem, place: Path) -> tuple[float, float]:
    """Accuracy on the test part, and seconds of the processor."""
    open_images(recipe, problem, listener=silent)
    for old in problem.cache.glob("features-*"):
        shutil.rmtree(old)
    started = time.process_time()
    folder = execute(recipe, problem, runs=place)
    seconds = time.process_time() - started
    judged = problem.rows("test") if len(problem.rows("test")) else problem.rows("val")
    accuracy = named("accuracy")(predicted(folder, problem, judged))
    shutil.rmtree(folder)
    return accuracy, seconds


def trials(chosen: argparse.Namespace) -> Iterator[tuple[str, int, float, float]]:
    dataset = index(open_dataset(chosen.data.resolve()))
    split = make_split(dataset)
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(chosen.seeds):
            for size in chosen.sizes:
                problem = posed(
                    *subset(dataset, split, size=size, seed=seed), Path(folder) / "cache"
                )
                for name in chosen.methods:
                    change = {**COMMON, **METHODS[name], "seed": seed, "data.size": chosen.px}
                    if change["model.transfer"] == "finetune":
                        change["train.epochs"] = chosen.passes
                    recipe = Recipe().changed(change)
                    accuracy, seconds = measured(recipe, problem, Path(folder) / "runs")
                    print(f"{name} | {size} | seed {seed} | {accuracy:.3f} | {seconds:.1f} s")
                    yield name, size, accuracy, seconds


def show_step_costs(px: int) -> None:
    """Seconds of a training step by how many layers are trained: what freezing saves."""
    recipe = Recipe().changed({**COMMON, "model.transfer": "finetune", "data.size": px})
    network = build(recipe, TargetSchema("classes", ("a", "b"), counts=(1, 1))).train()
    optimizer = make_optimizers(
        Supervised(network, Losses(cross_entropy, cross_entropy)), recipe.train
    )["main"]
    layers = layer_groups(network)
    images, labels = torch.randn(16, 3, px, px), torch.arange(16) % 2
    thawing = Unfreezing(layers, steps=len(layers) - 1, kept=False)
    for trained in (1, 2, len(layers) // 2, len(layers)):
        spent = []
        for _ in range(6):
            thawing.apply(trained - 1)
            begun = time.perf_counter()
            optimizer.zero_grad()
            cross_entropy(network(images), labels).backward()
            optimizer.step()
            spent.append(time.perf_counter() - begun)
        print(f"{trained} of {len(layers)} layers trained: {1000 * min(spent):.0f} ms a step of 16")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--sizes", type=int, nargs="+", default=[50, 100, 200, 400])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--px", type=int, default=96)
    parser.add_argument("--passes", type=int, default=8, help="Of fine-tuning.")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=USUAL, metavar="NAME")
    parser.add_argument("--steps", action="store_true", help="Times single steps alone.")
    chosen = parser.parse_args()
    if chosen.data is None and not chosen.steps:
        print("transfer: not measured, it needs --data FOLDER")
        return
    if chosen.steps:
        show_step_costs(chosen.px)
        return
    found: dict[tuple[str, int], list[tuple[float, float]]] = defaultdict(list)
    for name, size, accuracy, seconds in trials(chosen):
        found[name, size].append((accuracy, seconds))
    print(f"\n{chosen.data.name}, {chosen.px} px, {chosen.seeds} seeds: accuracy ± its spread, s")
    print(f"| | {' | '.join(map(str, chosen.sizes))} |\n|---{'|---' * len(chosen.sizes)}|")
    for name in chosen.methods:
        cells = []
        for size in chosen.sizes:
            accuracies, seconds = zip(*found[name, size], strict=True)
            spread = f" ± {stdev(accuracies):.3f}" if len(accuracies) > 1 else ""
            cells.append(f"{mean(accuracies):.3f}{spread}, {mean(seconds):.1f} s")
        print(f"| {name} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
