"""What pictures are described by: a network where they are photographs, else colours and edges."""

import numpy as np
import pytest
from PIL import Image

import phoropter


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
