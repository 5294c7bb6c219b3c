"""How a batch lies in memory changes none of its numbers."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from phoropter.augment.policies import augmenter
from phoropter.core.augment_recipe import AugmentRecipe
from phoropter.core.records import Normalization
from phoropter.data.memory import MemoryInputs
from phoropter.training.feed import Feed
from phoropter.training.numerics import fixed
from phoropter.training.plan import Plan
from phoropter.training.records import TrainingData

PIXELS = np.random.default_rng(0).integers(0, 256, (8, 3, 12, 12), dtype=np.uint8)
NORM = Normalization((0.5, 0.4, 0.3), (0.25, 0.2, 0.3))


def batch_of(images, preset, *, channels_last):
    rows = np.arange(len(images))
    data = TrainingData(
        inputs=MemoryInputs(images),
        targets=torch.arange(len(images)),
        train_rows=rows,
        val_rows=rows,
        train_eval_rows=rows,
        metric=lambda outputs, rows: 0.0,
        normalization=NORM,
        augment=augmenter(AugmentRecipe(preset=preset), size=12),
    )
    numerics = replace(fixed("float32", threads=1), channels_last=channels_last)
    plan = Plan(samples=len(rows), batch_size=len(rows), accumulate=1, epochs=1)
    feed = Feed(data, plan, seed=0, device=torch.device("cpu"), numerics=numerics)
    return feed.training_batch(rows, 1, 0).inputs


@pytest.mark.parametrize("preset", ["none", "medium"])
def test_channels_last_holds_the_same_numbers(preset):
    last = batch_of(PIXELS, preset, channels_last=True)
    assert last.is_contiguous(memory_format=torch.channels_last)
    first = batch_of(PIXELS, preset, channels_last=False)
    assert first.is_contiguous()
    assert torch.equal(first, last)


def test_the_numbers_are_those_of_the_formula_and_the_store_is_left_alone():
    before = PIXELS.copy()
    mean, std = (np.array(of, np.float32).reshape(1, 3, 1, 1) for of in (NORM.mean, NORM.std))
    expected = (PIXELS.astype(np.float32) / 255 - mean) / std
    for channels_last in (True, False):
        got = batch_of(PIXELS, "none", channels_last=channels_last).numpy()
        np.testing.assert_allclose(got, expected, atol=1e-6)
    assert (before == PIXELS).all()
