"""What pictures are described by: a network where they are photographs, else colours and edges."""

import time

import numpy as np
import pytest
from PIL import Image

import phoropter
from phoropter.core.events import silent
from phoropter.prediction.features import DeepFeatures
from phoropter.project import describing, looking
from phoropter.project.opened import started
from phoropter.project.options import Options


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
        (100.0, 30.0, "efficientnet_lite0"),
        (100.0, 31.0, "handcrafted"),
    ],
)
def test_a_network_describes_pictures_where_its_measured_time_fits(
    tmp_path, monkeypatch, left_s, needed_s, features
):
    data = write_noise(tmp_path / "data", count=12, side=170)
    calls = []
    real = describing.lite0_classifier
    monkeypatch.setattr(describing, "lite0_classifier", lambda: (calls.append(1), real())[1])
    monkeypatch.setattr(DeepFeatures, "waiting_s", lambda *_: needed_s)
    with started(Options(data, tmp_path / "p"), listener=silent) as project:
        found = looking.look_and_note(project, project.split(), left_s=left_s)
    assert found.features == features
    assert bool(calls) == (features == "efficientnet_lite0"), "colours are asked about with it"


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
