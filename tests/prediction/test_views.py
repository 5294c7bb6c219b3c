"""Features of views: each decided by the image and the view alone, and computed once."""

import hashlib

import numpy as np
import polars as pl
import pytest
import torch
from PIL import Image

from phoropter.core.errors import UsageError
from phoropter.core.recipe import DataRecipe
from phoropter.core.records import Dataset, Normalization, Preprocessing
from phoropter.data.preprocess import read_square
from phoropter.models.build import build_trunk
from phoropter.prediction import features as module
from phoropter.prediction.features import DeepFeatures
from phoropter.prediction.tta import averaged, view
from phoropter.prediction.views import PLAIN, FixedView, further_views

HOW = Preprocessing(32, "crop", 3, "bicubic", 0.875, Normalization((0.5,) * 3, (0.5,) * 3))
LIGHT = {"size": 32, "augment": {"preset": "light", "views": 3}}


@pytest.fixture
def dataset(tmp_path):
    """Seven small files, of which the last has the content of the first."""
    rng = np.random.default_rng(0)
    folder = tmp_path / "data"
    folder.mkdir()
    for index in range(6):
        pixels = rng.integers(0, 256, (40, 50, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{index}.png")
    (folder / "6.png").write_bytes((folder / "0.png").read_bytes())
    names = [f"{index}.png" for index in range(7)]
    digests = [hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in names]
    table = pl.DataFrame({"id": names, "path": names, "digest": digests})
    return Dataset("d", folder, "folders", "", "classification", (), table)


@pytest.fixture
def deep(tmp_path):
    def make(seen, cache="cache"):
        options = {"folder": tmp_path / cache, "preprocessing": HOW}
        return DeepFeatures("efficientnet_lite0", view=seen, **options)

    return make


@pytest.fixture
def computed(monkeypatch):
    """How many images went through the network."""
    rows = []
    original = module.answers

    def counting(network, inputs, blocks, **options):
        rows.extend(np.concatenate(blocks).tolist())
        return original(network, inputs, blocks, **options)

    monkeypatch.setattr(module, "answers", counting)
    return rows


def pixels(dataset, rows):
    paths = [dataset.root / dataset.table["path"][int(row)] for row in rows]
    return torch.from_numpy(np.stack([read_square(path, HOW) for path in paths])) / 255


@torch.inference_mode()
def through_the_trunk(images):
    trunk, _ = build_trunk("efficientnet_lite0", pretrained=True, channels=3, size=32)
    return trunk((images - 0.5) / 0.5).numpy()


def drawn():
    return further_views(DataRecipe.model_validate(LIGHT))


@pytest.mark.parametrize("index", range(5))
def test_a_fixed_view_is_that_of_tta(index, dataset, deep):
    rows = np.array([3, 0])
    expected = through_the_trunk(view(pixels(dataset, rows), index))
    np.testing.assert_allclose(
        deep(FixedView(index))(dataset, rows), expected, rtol=1e-3, atol=1e-4
    )


def test_the_mean_over_fixed_views_is_what_tta_answers(dataset, deep):
    rows = np.arange(4)
    head = torch.nn.Linear(1280, 3)
    each = [deep(FixedView(index))(dataset, rows) for index in range(3)]
    with torch.inference_mode():
        ours = torch.stack([head(torch.from_numpy(features)) for features in each]).mean(0)
        trunk, _ = build_trunk("efficientnet_lite0", pretrained=True, channels=3, size=32)
        images = (pixels(dataset, rows) - 0.5) / 0.5
        whole = averaged(lambda batch: head(trunk(batch)), images, tta=3)
    torch.testing.assert_close(ours, whole, rtol=1e-3, atol=1e-4)


def test_a_drawn_view_is_that_augmentation_of_that_content(dataset, deep):
    first, second = drawn()
    rows = np.array([2, 0, 6])
    digests = dataset.table["digest"].gather(rows).to_list()
    seen = first(pixels(dataset, rows), digests)
    assert torch.equal(seen[1], seen[2])  # the same content, in another place
    assert torch.equal(seen[:1], first(pixels(dataset, rows[:1]), digests[:1]))
    assert not torch.equal(seen, second(pixels(dataset, rows), digests))
    assert not torch.equal(seen, pixels(dataset, rows))
    np.testing.assert_allclose(
        deep(first)(dataset, rows), through_the_trunk(seen), rtol=1e-3, atol=1e-4
    )


def test_nothing_is_computed_twice(dataset, deep, computed):
    rows = np.arange(7)
    for seen in (PLAIN, FixedView(1), *drawn()):
        found = deep(seen)(dataset, rows)
        assert len(computed) == 6  # one of the seven is a copy
        assert np.array_equal(deep(seen)(dataset, rows[::-1]), found[::-1])
        assert len(computed) == 6
        computed.clear()


def test_the_number_of_views_does_not_change_them(dataset, deep, computed):
    deep(drawn()[0])(dataset, np.arange(7))
    more = {**LIGHT, "augment": {**LIGHT["augment"], "views": 9, "mixup": 0.2}}
    deep(further_views(DataRecipe.model_validate(more))[0])(dataset, np.arange(7))
    assert len(computed) == 6
    other = {**LIGHT, "augment": {"preset": "medium", "views": 2}}
    deep(further_views(DataRecipe.model_validate(other))[0])(dataset, np.arange(7))
    assert len(computed) == 12


def test_the_plain_view_is_kept_where_it_always_was(dataset, deep, tmp_path):
    deep(PLAIN)(dataset, np.arange(2))
    options = {"folder": tmp_path / "cache", "preprocessing": HOW}
    assert len(DeepFeatures("efficientnet_lite0", **options).missing(dataset, np.arange(2))) == 0


@pytest.mark.parametrize(
    ("augment", "indices"),
    [
        ({"views": 1}, []),
        ({"views": 5}, [1, 2, 3, 4]),
        ({"views": 3, "flip": False}, [2, 4]),
    ],
)
def test_without_augmentation_the_views_are_the_fixed_ones(augment, indices):
    views = further_views(DataRecipe.model_validate({"augment": augment}))
    assert [seen.index for seen in views] == indices


@pytest.mark.parametrize("augment", [{"views": 6}, {"views": 4, "flip": False}])
def test_more_fixed_views_than_there_are_cannot_be_asked_for(augment):
    with pytest.raises(UsageError, match=f"data.augment.views={augment['views']}"):
        further_views(DataRecipe.model_validate({"augment": augment}))


def test_transforms_that_draw_from_the_global_generator_are_reproducible(dataset, deep):
    """They must not run in two threads at once."""
    recipe = {
        "size": 32,
        "augment": {"views": 2, "pipeline": [{"torchvision.ColorJitter": {"brightness": 0.9}}]},
    }
    (seen,) = further_views(DataRecipe.model_validate(recipe))
    rows = np.arange(7)
    runs = [deep(seen, cache=f"cache{number}")(dataset, rows) for number in range(2)]
    assert np.array_equal(*runs)
