"""What pictures are described by: a network where they are photographs, else colours and edges."""

import numpy as np
import pytest
from PIL import Image

import phoropter
from phoropter.core.events import silent
from phoropter.project import looking
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


@pytest.mark.parametrize(("budget_s", "asked"), [(None, True), (30.0, True), (2.0, False)])
def test_colours_are_asked_about_where_the_budget_reaches_for_it(
    tmp_path, monkeypatch, budget_s, asked
):
    """The features of 24 images are counted as 1.2 s, further 96 images as 4.8 s."""
    data = write_noise(tmp_path / "data", count=12, side=170)
    calls = []
    real = looking.lite0_classifier
    monkeypatch.setattr(looking, "lite0_classifier", lambda: (calls.append(1), real())[1])
    with started(Options(data, tmp_path / "p"), listener=silent) as project:
        found = looking.look_and_note(project, project.split(), budget_s=budget_s)
    assert found.features == "efficientnet_lite0"
    assert bool(calls) == asked
