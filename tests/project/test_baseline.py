from pathlib import Path

import polars as pl
import pytest

from phoropter.core import registry
from phoropter.core.recipe import Recipe
from phoropter.core.records import Dataset
from phoropter.project import baseline
from phoropter.project.baseline import first_recipe, ladder

PHOTO = {"height": 480, "width": 640, "mode": "RGB"}
DIGIT = {"height": 28, "width": 28, "mode": "L"}


@pytest.fixture
def data():
    def made(*, task="classification", labels=("cat", "dog"), **image):
        count = len(labels)
        columns = {name: [value] * count for name, value in image.items()}
        table = pl.DataFrame({"id": [str(n) for n in range(count)], "y": list(labels), **columns})
        return Dataset("toy", Path(), "folders", "", task, ("y",), table)

    return made


@pytest.fixture
def weights(monkeypatch):
    def installed(there):
        monkeypatch.setattr(baseline, "find_spec", lambda name: object() if there else None)

    return installed


def planned(dataset, *, train_samples=1000, seed=0):
    return first_recipe(dataset, train_samples=train_samples, seed=seed)


def test_photographs_get_frozen_features_under_a_linear_layer(data, weights):
    weights(True)
    plan = planned(data(**PHOTO), seed=5)
    recipe = plan.recipe
    assert (recipe.model.name, recipe.model.transfer) == ("efficientnet_lite0", "features")
    assert recipe.model.pretrained
    assert (recipe.data.size, recipe.data.channels, recipe.seed) == (224, 3, 5)
    assert "Photographs (median side 480 px)" in plan.reasons[0]


def test_without_weights_a_small_network_is_trained_from_scratch(data, weights):
    weights(False)
    plan = planned(data(**PHOTO))
    recipe = plan.recipe
    assert (recipe.model.name, recipe.model.transfer) == ("cnn", "finetune")
    assert not recipe.model.pretrained
    assert (recipe.data.size, recipe.data.channels) == (64, 3)
    assert recipe.data.normalize == "data"
    assert "pip install 'phoropter[weights]'" in plan.reasons[0]


@pytest.mark.parametrize("there", [True, False])
def test_tiny_grey_images_are_used_as_they_are(data, weights, there):
    weights(there)
    plan = planned(data(**DIGIT))
    recipe = plan.recipe
    assert (recipe.model.name, recipe.data.size, recipe.data.channels) == ("cnn", 28, 1)
    assert not recipe.model.pretrained
    assert plan.reasons == (
        "Tiny images (28 px): a small convolutional network from scratch at 28 px.",
    )


@pytest.mark.parametrize(
    ("side", "name"),
    [(3, "cnn"), (64, "cnn"), (65, "efficientnet_lite0"), (9000, "efficientnet_lite0")],
)
def test_the_shorter_side_decides(data, weights, side, name):
    weights(True)
    for shape in ({"height": side, "width": 10 * side}, {"height": 10 * side, "width": side}):
        recipe = planned(data(**shape, mode="RGB")).recipe
        assert recipe.model.name == name
        assert recipe.data.size >= 8


def test_one_coloured_image_makes_all_coloured(data):
    dataset = data(**DIGIT)
    modes = pl.Series("mode", ["L", "RGB"])
    mixed = Dataset(
        "m", Path(), "", "", "classification", ("y",), dataset.table.with_columns(modes)
    )
    assert planned(mixed).recipe.data.channels == 3


def test_regression(data, weights):
    weights(True)
    tiny = planned(data(task="regression", labels=(0.5, 2.5), **DIGIT)).recipe
    assert (tiny.task, tiny.model.name, tiny.data.augment.flip) == ("regression", "cnn", False)
    photo = planned(data(task="regression", labels=(0.5, 2.5), **PHOTO)).recipe
    assert (photo.task, photo.model.name) == ("regression", "efficientnet_lite0")


@pytest.mark.parametrize(
    ("labels", "flips"),
    [
        (("cat", "dog"), True),
        (("0", "1", "9"), False),
        (("10", "11", "200"), False),
        (("a", "b", "Z"), False),
        (("가", "나"), False),
        (("a", "background"), True),
        (("digit 1", "digit 2"), True),
    ],
)
def test_characters_and_numbers_are_not_mirrored(data, labels, flips):
    assert planned(data(labels=labels, **DIGIT)).recipe.data.augment.flip is flips


@pytest.mark.parametrize("there", [True, False])
@pytest.mark.parametrize("samples", [1, 50, 1000, 60_000, 1_000_000])
def test_small_data_are_seen_often_and_large_ones_seldom(data, weights, there, samples):
    weights(there)
    for image in (PHOTO, DIGIT):
        recipe = planned(data(**image), train_samples=samples).recipe
        assert 5 <= recipe.train.epochs <= 100
        assert recipe.data.augment.preset == "none"


def test_a_first_run_takes_about_as_many_steps_whatever_the_data(data):
    steps = {
        -(-samples // 64) * planned(data(**DIGIT), train_samples=samples).recipe.train.epochs
        for samples in (1000, 2000, 5000)
    }
    assert max(steps) < 1.2 * min(steps)


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_the_ladder_holds_the_simple_models_of_the_task(task):
    recipes = ladder(Recipe().changed({"task": task, "seed": 4}))
    names = [recipe.model.name for recipe in recipes]
    assert names[0] == {"classification": "majority", "regression": "mean"}[task]
    assert set(names) <= set(registry.names("phoropter.classics"))
    assert {recipe.seed for recipe in recipes} == {4}
    assert {recipe.task for recipe in recipes} == {task}


def test_the_ladder_sees_what_the_network_sees():
    frozen = ladder(Recipe().changed({"model.transfer": "features", "data.size": 200}))
    assert {r.model.backbone for r in frozen} == {"efficientnet_lite0"}
    assert {r.data.size for r in frozen} == {200}
    for change in ({"model.transfer": "finetune"}, {"model.pretrained": False}):
        own = ladder(Recipe().changed({**change, "data.size": 200}))
        assert {r.model.backbone for r in own} == {"pixels"}
        assert {r.data.size for r in own} == {32}
    tiny = ladder(
        Recipe().changed({"model.name": "cnn", "model.pretrained": False, "data.size": 8})
    )
    assert {r.data.size for r in tiny} == {8}


def test_a_task_without_simple_models_has_no_ladder():
    assert ladder(Recipe().changed({"task": "detection"})) == ()


def test_many_images_leave_fewer_pixels_and_quick_models_on_features():
    tiny = Recipe().changed({"data.size": 32, "model.name": "cnn", "model.pretrained": False})
    assert {one.data.size for one in ladder(tiny, samples=2000)} == {32}
    assert {one.data.size for one in ladder(tiny, samples=8889)} == {16}
    grey = tiny.changed({"data.channels": 1, "data.size": 28})
    assert {one.data.size for one in ladder(grey, samples=8889)} == {28}
    assert len(ladder(Recipe(), samples=5000)) == 4
    assert [one.model.name for one in ladder(Recipe(), samples=5001)] == ["majority", "knn"]
