"""Whether what makes training fast costs accuracy: fast against plain float32, five seeds each.

Run: python benchmarks/fidelity.py --data DIR [--only digits|cifar|features] [--seeds N]

DIR holds cifar10_small and clothing10 (class folders under train, and validation or test). Three
recipes, each trained with every seed in the plain and in the fast way, from the same start and on
the same batches; the split stays the same:

- digits: the small convolutional network on built-in digits, 8 passes;
- cifar: ResNet-18 from random weights at 32 px on 1,000 images of cifar10_small, 3 passes;
- features: the head of EfficientNet-Lite0 at 224 px on clothing10, 20 passes.

Fast is bfloat16 with the channels last for the first two, and for the third the features that are
kept: folded normalisations, channels last, each image once. Plain is float32 in torch's own layout,
and the features of the network as it comes. A fast layout is written down as the run's recorded
choice, which is what a resumed run reads, since short runs would not measure one. Accuracies are
those of the kept weights in float32 on the validation part, as after `phoropter train`.

The test: fast and plain are paired by seed. The differences are within the seed noise if their
mean's 95 % interval (Student's t) holds zero and their mean is no larger than the standard
deviation that seeds alone give plain float32.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from scipy import stats
from throughput import subset

from phoropter.core.events import silent
from phoropter.core.recipe import Recipe
from phoropter.data.memory import MemoryInputs
from phoropter.models.build import build_trunk
from phoropter.models.catalog import frozen_trunk
from phoropter.prediction.run import answers, outputs
from phoropter.project.opened import started
from phoropter.project.options import Options
from phoropter.training.execute import learner_of
from phoropter.training.loop import fit
from phoropter.training.numerics import Numerics, write_numerics
from phoropter.training.problem import Problem
from phoropter.training.records import Watch
from phoropter.training.sources import Source, open_images, open_source

THREADS = torch.get_num_threads()
PLAIN = Numerics(False, False, THREADS, "Plain float32 is asked for.")
FAST = Numerics(True, True, THREADS, "The fast way is asked for.")
CIFAR_IMAGES = 1_000
NETWORK = {"model.pretrained": False, "model.transfer": "finetune", "train.patience": 0}
DIGITS = Recipe().changed(
    {**NETWORK, "model.name": "cnn", "data.size": 16, "data.channels": 1, "train.epochs": 8}
)
CIFAR = Recipe().changed({**NETWORK, "model.name": "resnet18", "data.size": 32, "train.epochs": 3})
FEATURES = Recipe().changed({"train.patience": 0})
"""The default recipe: the frozen EfficientNet-Lite0."""


@dataclass(frozen=True, slots=True)
class Way:
    """One way to train: the inputs, and the numerics."""

    source: Source
    numerics: Numerics


def accuracy(recipe: Recipe, problem: Problem, way: Way) -> float:
    """Of the validation samples, after a training from nothing."""
    learner, objective, data = learner_of(recipe, problem, way.source)
    with tempfile.TemporaryDirectory() as folder:
        write_numerics(Path(folder), way.numerics)
        fit(objective, learner, data, recipe, folder=Path(folder), watch=Watch())
    rows = problem.rows("val")
    raw = outputs(learner, way.source.inputs, rows, normalization=way.source.normalization)
    return float((raw.argmax(1) == data.targets[torch.from_numpy(rows)].numpy()).mean())


def by_numerics(recipe: Recipe, problem: Problem) -> tuple[Way, Way]:
    """float32 in torch's own layout, and bfloat16 with the channels last."""
    source = open_source(recipe, problem, listener=silent)
    return Way(source, PLAIN), Way(source, FAST)


def by_features(recipe: Recipe, problem: Problem) -> tuple[Way, Way]:
    """The features of the network as it comes, and those that are kept."""
    kept = open_source(recipe, problem, listener=silent)
    images = open_images(recipe, problem, listener=silent)
    trunk, _ = build_trunk(
        frozen_trunk(recipe), pretrained=True, channels=3, size=224, like=recipe.model
    )
    rows = np.arange(len(problem.dataset))
    blocks = np.array_split(rows, -(-len(rows) // 16))
    plain = answers(trunk.eval(), images.inputs, blocks, normalization=images.normalization)
    difference = np.abs(plain - kept.inputs.batch(rows).numpy()).max()
    print(f"features differ by {difference:.1e} at most, of {np.abs(plain).max():.1f}")
    return Way(replace(kept, inputs=MemoryInputs(plain)), PLAIN), Way(kept, PLAIN)


def case(
    data: str,
    recipe: Recipe,
    ways: Callable[[Recipe, Problem], tuple[Way, Way]],
    *,
    name: str,
    seeds: int,
) -> None:
    """Trains each way with each seed, and says what the differences are."""
    begun = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        options = Options(data, project=Path(folder) / "fresh.phoropter")
        with started(options, listener=silent) as project:
            problem = project.problem()
            pair = ways(recipe, problem)
            found = np.array(
                [
                    [accuracy(recipe.changed({"seed": seed}), problem, way) for way in pair]
                    for seed in range(seeds)
                ]
            )
            samples = len(problem.rows("val"))
    show(name, found, samples)
    print(f"  {time.perf_counter() - begun:.0f} s")


def show(name: str, found: np.ndarray, samples: int) -> None:
    """Args: `found`, accuracies, (seeds, 2): plain and fast."""
    plain, fast = found.T
    apart = fast - plain
    mean, noise = apart.mean(), plain.std(ddof=1)
    reach = stats.t.ppf(0.975, len(apart) - 1) * apart.std(ddof=1) / len(apart) ** 0.5
    within = abs(mean) <= min(reach, noise) or not apart.any()
    print(f"{name}: {len(apart)} seeds, {samples} validation samples")
    print(f"  plain {plain.mean():.4f}, standard deviation of the seeds {noise:.4f}: {plain}")
    print(f"  fast  {fast.mean():.4f}: {fast}")
    print(
        f"  fast - plain {mean:+.4f} [{mean - reach:+.4f}, {mean + reach:+.4f}]: "
        + ("within the seed noise" if within else "BEYOND the seed noise")
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--only", choices=("digits", "cifar", "features"))
    parser.add_argument("--seeds", type=int, default=5)
    chosen = parser.parse_args()
    np.set_printoptions(precision=4, suppress=True)
    wanted = {chosen.only} if chosen.only else {"digits", "cifar", "features"}
    if "digits" in wanted:
        case("digits", DIGITS, by_numerics, name="digits", seeds=chosen.seeds)
    if chosen.data is None:
        print("fidelity: cifar and features are not measured, they need --data DIR")
        return
    if "cifar" in wanted:
        with tempfile.TemporaryDirectory() as folder:
            subset(chosen.data / "cifar10_small", Path(folder) / "images", CIFAR_IMAGES)
            data = str(Path(folder) / "images")
            case(data, CIFAR, by_numerics, name="cifar", seeds=chosen.seeds)
    if "features" in wanted:
        data = str(chosen.data / "clothing10")
        case(data, FEATURES, by_features, name="features", seeds=chosen.seeds)


if __name__ == "__main__":
    main()
