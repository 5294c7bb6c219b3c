"""What pictures are described by: a network where they are photographs, else colours and edges."""

import numpy as np
import pytest
from PIL import Image

import phoropter
from phoropter.core.events import silent
from phoropter.project import looking
from phoropter.project.opened import started
from phoropter.project.options import Options


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
    draw = np.random.default_rng(0)
    for name in ("a", "b"):
        (tmp_path / "data" / name).mkdir(parents=True)
        for number in range(6):
            pixels = draw.integers(0, 256, (side, side, 3)).astype(np.uint8)
            image = Image.fromarray(pixels).convert(mode)
            image.save(tmp_path / "data" / name / f"{number}.png")
    assert phoropter.look(tmp_path / "data", project=tmp_path / "p").features == features


@pytest.mark.parametrize(("budget_s", "asked"), [(None, True), (30.0, True), (2.0, False)])
def test_colours_are_asked_about_where_the_budget_reaches_for_it(
    tmp_path, monkeypatch, budget_s, asked
):
    """The features of 24 images are counted as 1.2 s, further 96 images as 4.8 s."""
    draw = np.random.default_rng(0)
    for name in ("a", "b"):
        (tmp_path / "data" / name).mkdir(parents=True)
        for number in range(12):
            pixels = draw.integers(0, 256, (170, 170, 3)).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / "data" / name / f"{number}.png")
    calls = []
    real = looking.lite0_classifier
    monkeypatch.setattr(looking, "lite0_classifier", lambda: (calls.append(1), real())[1])
    with started(Options(tmp_path / "data", tmp_path / "p"), listener=silent) as project:
        found = looking.look_and_note(project, project.split(), budget_s=budget_s)
    assert found.features == "efficientnet_lite0"
    assert bool(calls) == asked
