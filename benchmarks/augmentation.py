"""How much of a training step the variation of its images takes.

Run: python benchmarks/augmentation.py [--rounds N] [--only NAME]

For a small CNN at 32 px and a ResNet-18 at 64 px, both on batches of 64: a training step (forward,
loss, backward, AdamW) and each kind of variation of the same batch, in turn. Printed is the median
of each, and the share that the variation has of both together. The variation is what training
calls, with a generator per batch. RandAugment is compared with torchvision's own, which varies one
image after the other, on the same images.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from itertools import count
from statistics import median

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional
from torchvision.transforms import v2

from phoropter.augment.mixing import mixer
from phoropter.augment.policies import augmenter
from phoropter.core.augment_recipe import AugmentRecipe
from phoropter.core.recipe import Recipe
from phoropter.core.records import TargetSchema
from phoropter.models.build import build

BATCH = 64
CASES = {"cnn": 32, "resnet18": 64}
KINDS = {
    "light": AugmentRecipe(preset="light"),
    "medium": AugmentRecipe(preset="medium"),
    "strong": AugmentRecipe(preset="strong"),
    "randaugment": AugmentRecipe(policy="randaugment"),
    "trivialaugment": AugmentRecipe(policy="trivialaugment"),
    "erasing": AugmentRecipe(erasing=0.5),
    "mixup": AugmentRecipe(mixup=0.4),
    "cutmix": AugmentRecipe(cutmix=1.0),
}
SCHEMA = TargetSchema("classes", tuple("abcd"), counts=(1, 1, 1, 1))


def step_of(name: str, size: int, images: Tensor) -> Callable[[], object]:
    recipe = Recipe().changed({"model.name": name, "model.pretrained": False, "data.size": size})
    network: nn.Module = build(recipe, SCHEMA)
    optimizer = torch.optim.AdamW(network.parameters())
    labels = torch.arange(BATCH) % len(SCHEMA.names)

    def step() -> object:
        optimizer.zero_grad()
        torch.autograd.backward(functional.cross_entropy(network(images), labels))
        return optimizer.step()

    return step


def varied_by(recipe: AugmentRecipe, images: Tensor) -> Callable[[], object]:
    vary = augmenter(recipe, size=images.shape[-1])
    blend = mixer(recipe)
    batches = count()

    def work() -> object:
        generator = Generator().manual_seed(next(batches))
        varied = images if vary is None else vary(images, generator)
        return varied if blend is None else blend(varied, generator)

    return work


def one_by_one(images: Tensor) -> Callable[[], object]:
    vary = v2.RandAugment()
    return lambda: [vary(image) for image in images]


def measure(name: str, size: int, rounds: int) -> None:
    images = torch.rand(BATCH, 3, size, size, generator=Generator().manual_seed(0))
    work = {"step": step_of(name, size, images)}
    work |= {kind: varied_by(recipe, images) for kind, recipe in KINDS.items()}
    work["torchvision's randaugment"] = one_by_one(images)
    times: dict[str, list[float]] = {kind: [] for kind in work}
    for number in range(rounds + 1):
        for kind, call in work.items():
            started = time.perf_counter()
            call()
            if number:  # the first call allocates
                times[kind].append(time.perf_counter() - started)
    step = median(times["step"])
    print(f"{name}, {size} px, batches of {BATCH}: a step {1e3 * step:.1f} ms")
    for kind in list(work)[1:]:
        spent = median(times[kind])
        print(f"  {kind:26} {1e3 * spent:7.2f} ms, {spent / (spent + step):6.1%} of the step")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--only", choices=tuple(CASES))
    chosen = parser.parse_args()
    for name, size in CASES.items():
        if chosen.only in {None, name}:
            measure(name, size, chosen.rounds)


if __name__ == "__main__":
    main()
