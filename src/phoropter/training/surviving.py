"""The audit of a run's augmentation: do labels survive every kind of variation in it?"""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from phoropter.augment.kinds import Kind, kinds
from phoropter.augment.policies import augmenter
from phoropter.augment.survival import Lost, lost_labels, recognised
from phoropter.augment.variation import Augmenter
from phoropter.core.protocols import Inputs
from phoropter.core.recipe import Recipe
from phoropter.core.records import Rows, TargetSchema
from phoropter.core.run_records import Gate
from phoropter.core.seed import derive, generator
from phoropter.training.records import TrainingData

MOST_WITNESSES, LEAST_WITNESSES = 1_000, 400  # plain images that varied ones are held against
WITNESSED = 2**26  # numbers in them, if there are more than the least: 446 images of 224 px
MOST_VARIED, LEAST_VARIED = 500, 100  # images that are varied in each way, over all classes
VARIED = 2**24  # numbers in them, if there are more than the least: 111 images of 224 px
A_CLASS = 50
SIDE_PX = 16  # of the images that are compared: enough to tell a six from a nine
DRAWS = 3  # until an image changes: half of the draws of a flip do nothing
CHANGED = 1e-3  # mean difference of a pixel in [0, 1] from which an image has changed
BLOCK = 32  # images in memory at once, as floats


def label_gate(recipe: Recipe, data: TrainingData, schema: TargetSchema) -> Gate | None:
    """The gate "label-breaking-augmentation", or None where nothing is varied or no class named.

    Training images are varied in each of the recipe's ways alone and compared with plain ones, by
    `augment.survival`. What is measured is the largest share of a class that is lost to another.
    """
    if not _is_audited(data, schema):
        return None
    witnesses, labels, rows = _compared(recipe, data)
    plain = _seen(data.inputs, witnesses)
    varied, without = {}, {}
    for kind, vary in _ways(recipe, data):
        varied[kind.name] = _seen(data.inputs, witnesses[rows], vary)
        without[kind.name] = dict(kind.without)
    lost = lost_labels(plain, labels, rows, varied)
    evidence = {
        "kinds": list(varied),
        "lost": [_facts(item, schema) for item in lost],
        "without": {item.kind: without[item.kind] for item in lost},
        "samples": len(rows),
        "recognised": recognised(plain, labels, rows, varied),
    }
    share = max((item.taken / item.samples for item in lost), default=0.0)
    return Gate("label-breaking-augmentation", share, 0.0, not lost, evidence)


def audit_s(recipe: Recipe, data: TrainingData, schema: TargetSchema) -> float:
    """Seconds that the audit will take, timed on one block of images in each way."""
    if not _is_audited(data, schema):
        return 0.0
    witnesses, _, rows = _compared(recipe, data)
    ways = [None, *(vary for _, vary in _ways(recipe, data))]
    seconds = 0.0
    for vary in ways:
        block = witnesses[rows[:BLOCK]]
        begun = time.perf_counter()
        _seen(data.inputs, block, vary)
        whole = len(witnesses) if vary is None else len(rows)
        seconds += (time.perf_counter() - begun) * whole / len(block)
    return seconds


def _is_audited(data: TrainingData, schema: TargetSchema) -> bool:
    if schema.kind != "classes" or data.augment is None:
        return False
    return data.inputs.batch(data.train_rows[:1]).dtype == torch.uint8


def _compared(recipe: Recipe, data: TrainingData) -> tuple[Rows, NDArray[np.int64], Rows]:
    """Rows that are left plain, their classes, and the positions of those that are varied too."""
    numbers = data.inputs.batch(data.train_rows[:1]).numel()
    witnesses, labels = _witnesses(data, seed=recipe.seed, numbers=numbers)
    return witnesses, labels, _chosen(labels, seed=recipe.seed, numbers=numbers)


def _ways(recipe: Recipe, data: TrainingData) -> Iterator[tuple[Kind, Augmenter]]:
    """Each kind of variation in the recipe, alone."""
    _, channels, _, size = data.inputs.batch(data.train_rows[:1]).shape
    for kind in kinds(recipe.data.augment):
        vary = augmenter(kind.recipe, size=size, channels=channels)
        if vary is not None:
            yield kind, vary


def _facts(item: Lost, schema: TargetSchema) -> dict[str, object]:
    return {
        "kind": item.kind,
        "class": schema.names[item.label],
        "becomes": schema.names[item.becomes],
        "taken": item.taken,
        "samples": item.samples,
        "chance": item.chance,
        "p_value": item.p_value,
    }


def _witnesses(data: TrainingData, *, seed: int, numbers: int) -> tuple[Rows, NDArray[np.int64]]:
    """Training rows, and their classes."""
    count = min(MOST_WITNESSES, max(LEAST_WITNESSES, WITNESSED // numbers))
    rows = generator(seed, "gate", "witnesses").permutation(data.train_rows)[:count]
    return rows, data.targets[torch.from_numpy(rows)].numpy().astype(np.int64)


def _chosen(labels: NDArray[np.int64], *, seed: int, numbers: int) -> NDArray[np.int64]:
    """Positions of the images to be varied, as many of each class."""
    names = np.unique(labels)
    count = min(MOST_VARIED, max(LEAST_VARIED, VARIED // numbers))
    each = min(A_CLASS, max(1, count // len(names)))
    draws = generator(seed, "gate", "varied")
    places = [draws.permutation(np.flatnonzero(labels == name))[:each] for name in names]
    return np.concatenate(places)[:count].astype(np.int64)


def _seen(inputs: Inputs, rows: Rows, vary: Augmenter | None = None) -> NDArray[np.float32]:
    """The images as vectors of length 1: shrunk, without their mean, so that light is nothing."""
    generator = torch.Generator().manual_seed(derive(0, "gate", "variation"))
    blocks = []
    for first in range(0, len(rows), BLOCK):
        images = inputs.batch(rows[first : first + BLOCK]).float().div_(255)
        if vary is not None:
            images = _changed(images, vary, generator)
        small = functional.adaptive_avg_pool2d(images, min(SIDE_PX, images.shape[-1])).flatten(1)
        blocks.append(functional.normalize(small - small.mean(1, keepdim=True)))
    vectors: NDArray[np.float32] = torch.cat(blocks).numpy()
    return vectors


def _changed(images: Tensor, vary: Augmenter, generator: torch.Generator) -> Tensor:
    """Each image as it is after the first draw that changes it."""
    varied = vary(images, generator)
    for _ in range(DRAWS - 1):
        same = (varied - images).abs().flatten(1).mean(1) < CHANGED
        if not bool(same.any()):
            break
        varied = torch.where(same.view(-1, 1, 1, 1), vary(images, generator), varied)
    return varied
