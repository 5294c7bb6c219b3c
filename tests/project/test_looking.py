"""What pictures are described by: a network where they are photographs, else colours and edges."""

import time

import numpy as np
import pytest
from PIL import Image

import phoropter
from phoropter.core.events import silent
from phoropter.prediction.features import DeepFeatures
from phoropter.project import looking
from phoropter.project.opened import started
from phoropter.project.options import Options
from phoropter.project.steps import planned_baseline
from phoropter.project.transfer import enlarged, sized
from phoropter.training.sources import frozen


def write_noise(folder, *, count, side, mode="RGB"):
    """Two classes of pictures of so many pixels a side that show nothing."""
    draw = np.random.default_rng(0)
    for name in ("a", "b"):
        (folder / name).mkdir(parents=True)
        for number in range(count):
            pixels = draw.integers(0, 256, (side, side, 3)).astype(np.uint8)
            Image.fromarray(pixels).convert(mode).save(folder / name / f"{number}.png")
    return folder


@pytest.mark.parametrize(
    ("mode", "side", "features"),
    [
        ("RGB", 32, "efficientnet_lite0"),
        ("L", 32, "handcrafted"),
        ("L", 96, "efficientnet_lite0"),
    ],
)
def test_tiny_pictures_are_described_by_a_network_if_they_are_in_colour(
    tmp_path, mode, side, features
):
    data = write_noise(tmp_path / "data", count=6, side=side, mode=mode)
    assert phoropter.look(data, project=tmp_path / "p").features == features


@pytest.mark.parametrize(
    ("left_s", "needed_s", "features"),
    [
        (None, 1e9, "efficientnet_lite0"),
        (50.0, 30.0, "efficientnet_lite0"),
        (50.0, 31.0, "handcrafted"),
    ],
)
def test_a_network_describes_pictures_where_its_measured_time_fits(
    tmp_path, monkeypatch, left_s, needed_s, features
):
    data = write_noise(tmp_path / "data", count=12, side=170)
    calls = []
    real = looking.lite0_classifier
    monkeypatch.setattr(looking, "lite0_classifier", lambda: (calls.append(1), real())[1])
    monkeypatch.setattr(DeepFeatures, "waiting_s", lambda *_: needed_s)
    with started(Options(data, tmp_path / "p"), listener=silent) as project:
        found = looking.look_and_note(project, project.split(), left_s=left_s)
    assert found.features == features
    assert bool(calls) == (features == "efficientnet_lite0"), "colours are asked about with it"


@pytest.mark.parametrize(
    ("left_s", "name", "size"),
    [
        (160.0, "efficientnet_lite0", 96),
        (159.0, "efficientnet_lite0", 64),
        (106.0, "handcrafted", 0),
        (-1.0, "handcrafted", 0),
    ],
)
def test_tiny_ones_are_shown_to_it_smaller_where_there_is_less_time(
    tmp_path, monkeypatch, left_s, name, size
):
    data = write_noise(tmp_path / "data", count=6, side=32)
    monkeypatch.setattr(DeepFeatures, "waiting_s", lambda self, *_: float(self.size))
    with started(Options(data, tmp_path / "p"), listener=silent) as project:
        features = looking.features_for(project, left_s=left_s)
    assert (features.name, getattr(features, "size", 0)) == (name, size)


@pytest.mark.parametrize(("left_s", "size"), [(None, 224), (720.0, 288), (719.0, 224)])
def test_photographs_are_looked_at_as_large_as_the_first_recipe_takes_them(
    tmp_path, monkeypatch, left_s, size
):
    data = write_noise(tmp_path / "data", count=6, side=170)
    monkeypatch.setattr(DeepFeatures, "waiting_s", lambda self, *_: float(self.size))
    with started(Options(data, tmp_path / "p"), listener=silent) as project:
        assert looking.features_for(project, left_s=left_s).size == size
        if left_s is not None:
            problem = project.problem()
            plan = planned_baseline(project, problem, Options(data))
            plan = sized(plan, Options(data), problem, seconds=left_s, listener=silent)
            assert plan.recipe.data.size == size


def test_features_that_are_there_are_taken_however_little_time_is_left(tmp_path):
    data = write_noise(tmp_path / "data", count=6, side=170)
    with started(Options(data, tmp_path / "p"), listener=silent) as project:
        assert looking.features_for(project, left_s=-1.0).name == "handcrafted"
        looking.features_for(project, left_s=None)(project.dataset, np.arange(12))
        assert looking.features_for(project, left_s=-1.0).name == "efficientnet_lite0"


def test_the_time_for_looking_begins_when_the_features_are_there(tmp_path, monkeypatch):
    data = write_noise(tmp_path / "data", count=12, side=170)
    order = []
    real = DeepFeatures.__call__

    def described(self, *given):
        order.append("features")
        return real(self, *given)

    def deadline():
        order.append("deadline")
        return time.monotonic() + 600

    monkeypatch.setattr(DeepFeatures, "__call__", described)
    with started(Options(data, tmp_path / "p"), listener=silent) as project:
        looking.look_and_note(project, project.split(), deadline=deadline)
    assert order[:2] == ["features", "deadline"]


@pytest.mark.parametrize(("side", "resize"), [(32, "stretch"), (170, "crop")])
def test_the_first_recipe_finds_the_features_that_were_looked_at(tmp_path, side, resize):
    data = write_noise(tmp_path / "data", count=12, side=side)
    with started(Options(data, tmp_path / "p"), listener=silent) as project:
        problem = project.problem()
        looking.features_for(project, left_s=None)(project.dataset, np.arange(24))
        plan = planned_baseline(project, problem, Options(data))
        # What is there already is taken, however little time is left.
        plan = enlarged(plan, Options(data), problem, seconds=-1.0, listener=silent)
        features = frozen(plan.recipe, problem, listener=silent)
        assert plan.recipe.data.resize == resize
        assert len(features.missing(project.dataset, np.arange(24))) == 0
