"""Pipelines of the two libraries: built from plain values, seeded, checked."""

import sys

import albumentations
import numpy as np
import pytest
import torch
from torchvision.transforms import v2

from phoropter.augment.pipelines import pipeline
from phoropter.augment.policies import augmenter
from phoropter.core.augment_recipe import AugmentRecipe
from phoropter.core.errors import MissingExtraError, UsageError
from phoropter.core.recipe import Recipe, from_yaml, to_yaml

BYTES = torch.randint(0, 256, (6, 3, 16, 16), generator=torch.Generator().manual_seed(0))
IMAGES = BYTES.float() / 255
TEXT = """
data:
  augment:
    pipeline:
      - torchvision.RandomRotation: {degrees: 20}
      - albumentations.RandomBrightnessContrast: {p: 0.5}
      - torchvision.RandomApply:
          p: 0.7
          transforms:
            - torchvision.ColorJitter: {brightness: 0.4}
"""


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def test_yaml_to_images_and_back():
    recipe = from_yaml(TEXT)
    assert from_yaml(to_yaml(recipe)) == recipe
    assert recipe.digest != Recipe().digest
    vary = augmenter(recipe.data.augment, size=16)
    before = IMAGES.clone()
    generator = seeded(1)
    first, second = vary(IMAGES, generator), vary(IMAGES, generator)
    assert first.shape == IMAGES.shape
    assert torch.equal(IMAGES, before)
    assert not torch.equal(first, second)
    torch.rand(3)  # the global generator has no say
    assert torch.equal(first, vary(IMAGES, seeded(1)))


def test_torchvision_does_to_each_image_what_it_does_to_one():
    vary = pipeline([{"torchvision.ColorJitter": {"brightness": 0.5, "hue": 0.1}}])
    seeds = torch.randint(2**31 - 1, (6,), generator=seeded(4)).tolist()
    jitter = v2.ColorJitter(brightness=0.5, hue=0.1)
    for image, seed, varied in zip(IMAGES, seeds, vary(IMAGES, seeded(4)), strict=True):
        with torch.random.fork_rng():
            torch.default_generator.manual_seed(seed)
            torch.testing.assert_close(varied, jitter(image).clamp(0, 1))


def test_albumentations_sees_bytes_and_gives_them_back():
    vary = pipeline([{"albumentations.HorizontalFlip": {"p": 1.0}}])
    assert torch.equal(vary(IMAGES, seeded()), IMAGES.flip(3))
    solarize = {"threshold_range": [0.5, 0.5], "p": 1.0}
    vary = pipeline([{"albumentations.Solarize": solarize}])
    theirs = albumentations.Solarize(**solarize)
    for image, varied in zip(BYTES, vary(IMAGES, seeded()), strict=True):
        pixels = image.permute(1, 2, 0).numpy().astype(np.uint8)
        expected = torch.from_numpy(theirs(image=pixels)["image"]).permute(2, 0, 1) / 255
        torch.testing.assert_close(varied, expected)


def test_grey_images_keep_their_channel():
    grey = IMAGES[:, :1]
    for name in ("torchvision.RandomVerticalFlip", "albumentations.VerticalFlip"):
        assert torch.equal(pipeline([{name: {"p": 1.0}}])(grey, seeded()), grey.flip(2))


def test_the_global_generator_is_left_alone():
    before = torch.get_rng_state()
    pipeline([{"torchvision.RandomRotation": {"degrees": 20}}])(IMAGES, seeded())
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"torchvision.RandomRotatoin": {}}, "Unknown transform 'torchvision.RandomRotatoin'"),
        ({"torchvision.Lambda": {}}, "Unknown transform"),
        ({"torchvision.functional": {}}, "Unknown transform"),
        ({"albumentations.Normalize": {}}, "Unknown transform"),
        ({"os.system": {"command": "true"}}, r"torchvision\.NAME or albumentations\.NAME"),
        ({"RandomRotation": {}}, r"torchvision\.NAME"),
        ({"torchvision.RandomRotation": {"angle": 3}}, "does not take {'angle': 3}"),
        ({"torchvision.RandomRotation": {"degrees": -3}}, "does not take"),
        ({"albumentations.HorizontalFlip": {"prob": 1.0}}, "does not take {'prob': 1.0}"),
        ({"albumentations.HorizontalFlip": {"p": 3.0}}, "does not take {'p': 3.0}"),
        ({"a": {}, "b": {}}, "one transform, got"),
    ],
)
def test_what_is_no_transform_is_said_before_training(spec, said):
    with pytest.raises(UsageError, match=said):
        augmenter(AugmentRecipe(pipeline=(spec,)), size=16)


def test_a_changed_shape_is_said():
    vary = pipeline([{"torchvision.CenterCrop": {"size": 8}}])
    with pytest.raises(UsageError, match=r"makes \(3, 8, 8\)"):
        vary(IMAGES, seeded())


def test_a_missing_library_is_one_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "albumentations", None)
    with pytest.raises(MissingExtraError) as caught:
        pipeline([{"albumentations.HorizontalFlip": {}}])
    assert "phoropter[augment]" in caught.value.hint


def test_none_is_none():
    assert pipeline(()) is None
