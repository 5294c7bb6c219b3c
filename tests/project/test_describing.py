"""Pictures are described by what the first recipe learns from, or by what there is time for."""

import numpy as np
import pytest
from PIL import Image

from phoropter.core.events import silent
from phoropter.core.recipe import Recipe
from phoropter.prediction.features import DeepFeatures
from phoropter.project.bench import ProjectBench
from phoropter.project.describing import features_for
from phoropter.project.opened import started
from phoropter.project.options import Options
from phoropter.project.steps import Budget, first_of
from phoropter.training.sources import frozen

ROWS = np.arange(12)
OTHERS = [
    {"model.name": "cnn", "model.transfer": "finetune"},
    {"model.transfer": "features", "data.size": 96},
    {"model.transfer": "features", "data.normalize": "data"},
    {"model.transfer": "finetune"},
]


def write_noise(folder, *, side):
    """Two classes of pictures of so many pixels a side that show nothing."""
    draw = np.random.default_rng(0)
    for name in ("a", "b"):
        (folder / name).mkdir(parents=True)
        for number in range(6):
            pixels = draw.integers(0, 256, (side, side, 3)).astype(np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{number}.png")
    return folder


@pytest.fixture
def photos(tmp_path):
    options = Options(write_noise(tmp_path / "data", side=170), tmp_path / "p")
    with started(options, listener=silent) as project:
        yield project


@pytest.fixture
def tiny(tmp_path):
    options = Options(write_noise(tmp_path / "data", side=32), tmp_path / "p")
    with started(options, listener=silent) as project:
        yield project


@pytest.fixture
def slow(monkeypatch):
    """As many seconds as the images have pixels a side."""
    monkeypatch.setattr(DeepFeatures, "waiting_s", lambda self, *_: float(self.size))


def features_of(**change):
    return Recipe().changed({"model.name": "efficientnet_lite0", **change})


@pytest.mark.parametrize(
    ("left_s", "size"), [(None, 96), (321.0, 96), (319.0, 88), (214.0, 64), (213.0, 0), (-1.0, 0)]
)
def test_tiny_ones_are_shown_smaller_where_there_is_less_time(tiny, slow, left_s, size):
    features = features_for(tiny, left_s=left_s)
    assert features.name == ("efficientnet_lite0" if size else "handcrafted")
    assert getattr(features, "size", 0) == size


@pytest.mark.parametrize(("left_s", "size"), [(None, 224), (747.0, 224), (746.0, 0)])
def test_photographs_have_the_size_that_the_network_knows(photos, slow, left_s, size):
    assert getattr(features_for(photos, left_s=left_s), "size", 0) == size


@pytest.mark.parametrize("size", [160, 224, 288])
def test_the_first_recipes_features_are_taken_however_long_they_take(photos, slow, size):
    like = features_of(**{"model.transfer": "features", "data.size": size})
    assert features_for(photos, like=like, left_s=0.0).size == size


@pytest.mark.parametrize("change", OTHERS, ids=str)
def test_recipes_that_learn_from_something_else_say_nothing(photos, slow, change):
    like = features_of(**change)
    assert features_for(photos, like=like, left_s=1e6).size == 224
    assert features_for(photos, like=like, left_s=10.0).name == "handcrafted"


def test_what_is_there_is_taken_without_any_time(photos):
    assert features_for(photos, left_s=-1.0).name == "handcrafted"
    features_for(photos)(photos.dataset, ROWS)
    assert features_for(photos, left_s=-1.0).size == 224


def test_looking_again_describes_by_what_a_run_has_left(photos):
    like = features_of(**{"model.transfer": "features", "data.size": 288})
    features_for(photos, like=like, left_s=1.0)(photos.dataset, ROWS)
    assert features_for(photos).size == 288


@pytest.mark.parametrize(("side", "resize"), [(32, "stretch"), (170, "crop")])
def test_the_first_recipe_finds_what_was_looked_at(tmp_path, side, resize):
    options = Options(write_noise(tmp_path / "data", side=side), tmp_path / "p")
    with started(options, listener=silent) as project:
        problem = project.problem()
        bench = ProjectBench(project, problem, lambda: 600.0, None)
        first = first_of(bench, options, Budget(begun=0.0, total_s=1e9))
        features_for(project, like=first.plan.recipe, left_s=0.0)(project.dataset, ROWS)
        assert first.plan.recipe.data.resize == resize
        features = frozen(first.plan.recipe, problem, listener=silent)
        assert len(features.missing(project.dataset, ROWS)) == 0


def test_exchanged_colours_are_seen_as_the_plain_ones_are(photos):
    plain = features_for(photos)
    same = plain.seen(plain._view)
    assert same._key() == plain._key()
    assert same.size == plain.size
