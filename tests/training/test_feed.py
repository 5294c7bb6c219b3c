"""What a batch holds follows from the seed and its place alone."""

import numpy as np
import pytest
import torch
from PIL import Image

from phoropter.augment.mixing import mixer
from phoropter.augment.policies import augmenter
from phoropter.core.augment_recipe import AugmentRecipe
from phoropter.core.records import Normalization, Preprocessing
from phoropter.data.memory import MemoryInputs
from phoropter.data.preprocess import read_square
from phoropter.data.streaming import StreamingInputs
from phoropter.training import feed as module
from phoropter.training.feed import Feed
from phoropter.training.numerics import fixed
from phoropter.training.plan import Plan
from phoropter.training.records import TrainingData

NORM = Normalization((0.5,) * 3, (0.25,) * 3)
ALL = AugmentRecipe(
    preset="strong",
    policy="trivialaugment",
    erasing=0.5,
    mixup=0.4,
    cutmix=1.0,
    pipeline=(
        {"torchvision.RandomRotation": {"degrees": 20}},
        {"albumentations.RandomBrightnessContrast": {"p": 0.5}},
    ),
)


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    draw = np.random.default_rng(0)
    for number in range(40):
        pixels = draw.integers(0, 256, (20, 24, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
    return tuple(folder / f"{number}.png" for number in range(40))


def passes(photos, *, workers=1, seed=0, epoch=1, start=0):
    """The batches of a pass, mixed, as the network sees them; with no workers from the store."""
    how = Preprocessing(16, "crop", 3, "bilinear", 1.0, NORM)
    rows = np.arange(40)
    stored = MemoryInputs(np.stack([read_square(path, how) for path in photos]))
    data = TrainingData(
        inputs=StreamingInputs(photos, how, workers=workers) if workers else stored,
        targets=torch.arange(40),
        train_rows=rows,
        val_rows=rows,
        train_eval_rows=rows,
        metric=lambda outputs, rows: 0.0,
        normalization=NORM,
        augment=augmenter(ALL, size=16),
    )
    plan = Plan(samples=40, batch_size=8, accumulate=1, epochs=3)
    numerics = fixed("float32", threads=1)
    feed = Feed(data, plan, seed=seed, device=torch.device("cpu"), numerics=numerics)
    blend = mixer(ALL)
    seen = []
    for [batch] in feed.steps(epoch, start=start):
        inputs, partner, _ = blend(batch.inputs, batch.generator)
        seen.append((inputs, batch.targets, partner))
    seen += feed.evaluation(rows)
    return seen


def same(one, other):
    pairs = list(zip(one, other, strict=True))
    return all(torch.equal(a, b) for left, right in pairs for a, b in zip(left, right, strict=True))


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_stored_or_decoded_by_any_number_of_workers_the_batches_are_the_same(
    photos, monkeypatch, workers
):
    stored = passes(photos, workers=0)
    torch.rand(3)  # the global generator has no say
    assert same(passes(photos, workers=workers), stored)
    monkeypatch.setattr(module, "AHEAD", 0)
    assert same(passes(photos, workers=workers), stored)


@pytest.mark.parametrize("workers", [0, 3])
def test_a_pass_taken_up_in_its_middle_goes_on_as_before(photos, workers):
    whole = passes(photos, workers=0, epoch=2)
    assert same(passes(photos, workers=workers, epoch=2, start=3), whole[3:])


def test_nothing_is_left_of_a_pass_whose_last_shorter_step_was_taken():
    rows = np.arange(20)
    data = TrainingData(
        inputs=MemoryInputs(np.zeros((20, 2), dtype=np.float32)),
        targets=torch.arange(20),
        train_rows=rows,
        val_rows=rows,
        train_eval_rows=rows,
        metric=None,
    )
    plan = Plan(samples=20, batch_size=4, accumulate=2, epochs=3)  # steps of 2, 2 and 1 batches
    numerics = fixed("float32", threads=1)
    feed = Feed(data, plan, seed=0, device=torch.device("cpu"), numerics=numerics)
    left = [[len(step) for step in feed.steps(1, start=start)] for start in range(4)]
    assert left == [[2, 2, 1], [2, 1], [1], []]


def test_every_epoch_and_every_seed_is_a_fresh_draw(photos):
    def varied(**how):
        views = [view for view in passes(photos, **how) if len(view) == 3]
        inputs = torch.cat([inputs for inputs, _, _ in views])
        return inputs[torch.cat([targets for _, targets, _ in views]).argsort()]

    first, second, other = varied(), varied(epoch=2), varied(seed=1)
    for one, two in ((first, second), (first, other), (second, other)):
        assert (one != two).flatten(1).any(dim=1).all()
