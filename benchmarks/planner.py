"""How well the planner knows what a run will take: predicted against real seconds.

Run: python benchmarks/planner.py --data FOLDER [--rounds 2] [--recipes NAME ...]

FOLDER holds photographs in class folders. Ten recipes of different kinds are predicted from a few
timed steps, as `phoropter run` does before it begins one, and then carried out. Decoding is done
before either; features of a frozen network are computed anew. Each round predicts and trains again
with another seed. Aim: within 20 % of the real time, on average over the recipes and for each of
them. Of runs below five seconds the absolute error is what counts: within one second is within the
aim, and they are left out of the mean deviation.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from pathlib import Path
from statistics import mean

from phoropter.core.events import silent
from phoropter.core.recipe import Recipe
from phoropter.project.opened import started
from phoropter.project.options import Options
from phoropter.training.estimate import expected_s
from phoropter.training.execute import execute
from phoropter.training.problem import Problem
from phoropter.training.sources import open_images

AIM = 0.2
SHORT_S, SHORT_AIM_S = 5.0, 1.0
COMMON = {"train.patience": 0}
SCRATCH = {
    "model.pretrained": False,
    "model.transfer": "finetune",
    "data.normalize": "data",
    "data.resize": "stretch",
}
TUNED = {
    "model.transfer": "finetune",
    "train.lr": 1e-4,
    "train.batch_size": 16,
    "train.epochs": 3,
}
RECIPES = {
    "head on features, 224 px": {"train.epochs": 60},
    "head on features, 288 px": {"data.size": 288, "train.epochs": 60},
    "logistic regression on features": {
        "model.name": "logistic",
        "model.backbone": "efficientnet_lite0",
    },
    "mlp, 16 px": {**SCRATCH, "model.name": "mlp", "data.size": 16, "train.epochs": 60},
    "cnn, 32 px": {**SCRATCH, "model.name": "cnn", "data.size": 32, "train.epochs": 30},
    "cnn, 64 px, varied": {
        **SCRATCH,
        "model.name": "cnn",
        "model.width": 16,
        "data.size": 64,
        "data.augment.preset": "medium",
        "train.epochs": 20,
    },
    "xception_small, 64 px": {
        **SCRATCH,
        "model.name": "xception_small",
        "data.size": 64,
        "train.epochs": 8,
    },
    "resnet18, 64 px": {**SCRATCH, "model.name": "resnet18", "data.size": 64, "train.epochs": 8},
    "fine-tuning, 128 px": {**TUNED, "data.size": 128, "data.augment.preset": "light"},
    "fine-tuning of the upper layers, 224 px": {
        **TUNED,
        "train.frozen": 0.6,
        "train.head_start": True,
    },
}


def measured(recipe: Recipe, problem: Problem, runs: Path) -> tuple[float, float, float]:
    """Seconds predicted, seconds taken, and seconds that the prediction took."""
    open_images(recipe, problem, listener=silent)
    forget_features(problem)
    begun = time.perf_counter()
    predicted = expected_s(recipe, problem, listener=silent)
    planning = time.perf_counter() - begun
    forget_features(problem)
    begun = time.perf_counter()
    folder = execute(recipe, problem, runs=runs)
    real = time.perf_counter() - begun
    shutil.rmtree(folder)
    return predicted, real, planning


def is_within(predicted: float, real: float) -> bool:
    """Whether a prediction is within the aim, by the rule above."""
    return abs(predicted - real) <= (SHORT_AIM_S if real < SHORT_S else AIM * real)


def forget_features(problem: Problem) -> None:
    for old in problem.cache.glob("features-*"):
        shutil.rmtree(old)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--recipes", nargs="+", choices=RECIPES, default=list(RECIPES))
    chosen = parser.parse_args()
    if chosen.data is None:
        print("planner: not measured, it needs --data FOLDER")
        return
    print("| recipe | predicted | real | predicted / real | planning |\n|---|---|---|---|---|")
    found = []
    with tempfile.TemporaryDirectory() as folder:
        options = Options(chosen.data.resolve(), Path(folder) / "p")
        with started(options, listener=silent) as project:
            problem = project.problem()
            for name in chosen.recipes:
                for seed in range(chosen.rounds):
                    recipe = Recipe().changed({**COMMON, **RECIPES[name], "seed": seed})
                    predicted, real, planning = measured(recipe, problem, project.folder.runs)
                    found.append((predicted, real))
                    print(
                        f"| {name} | {predicted:.1f} s | {real:.1f} s | {predicted / real:.2f} | "
                        f"{planning:.1f} s |",
                        flush=True,
                    )
    summarise(found)


def summarise(found: list[tuple[float, float]]) -> None:
    """Prints how many predictions are within the aim, and how far the longer ones are off."""
    within = sum(is_within(predicted, real) for predicted, real in found)
    print(
        f"within {AIM:.0%}, or {SHORT_AIM_S:.0f} s below {SHORT_S:.0f} s: {within} of {len(found)}"
    )
    far = [abs(predicted / real - 1) for predicted, real in found if real >= SHORT_S]
    if far:
        print(f"mean deviation of the {len(far)} that took longer: {mean(far):.0%}")


if __name__ == "__main__":
    main()
