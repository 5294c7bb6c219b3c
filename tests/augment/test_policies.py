import math

import numpy as np
import pytest
import torch
from scipy.ndimage import rotate
from torchvision.transforms.v2 import functional

from phoropter.augment import policies
from phoropter.augment.policies import augmenter
from phoropter.augment.presets import PRESETS, Strength
from phoropter.core.augment_recipe import AugmentRecipe

STILL = dict.fromkeys(Strength.__slots__, 0.0) | {"zoom": 1.0}


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def photos(count=64, side=16, channels=3):
    return torch.rand(count, channels, side, side, generator=seeded(7))


def vary(images, monkeypatch, *, flip=False, seed=0, **strength):
    monkeypatch.setitem(PRESETS, "light", Strength(**(STILL | strength)))
    recipe = AugmentRecipe(preset="light", flip=flip)
    return augmenter(recipe, size=images.shape[-1])(images, seeded(seed))


def test_none_is_nothing():
    assert augmenter(AugmentRecipe(), size=8) is None


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("channels", [1, 3])
def test_presets_keep_shape_range_and_the_batch_handed_in(preset, channels):
    images = photos(channels=channels)
    before = images.clone()
    varied = augmenter(AugmentRecipe(preset=preset), size=16)(images, seeded())
    assert varied.shape == images.shape
    assert varied.dtype == torch.float32
    assert varied.min() >= 0
    assert varied.max() <= 1
    assert torch.equal(images, before)
    assert not torch.equal(varied, images)


@pytest.mark.parametrize("preset", PRESETS)
def test_the_generator_decides_everything(preset):
    draw = augmenter(AugmentRecipe(preset=preset), size=16)
    images = photos()
    generator = seeded(1)
    first, second = draw(images, generator), draw(images, generator)
    torch.rand(3)  # the global generator has no say
    assert torch.equal(first, draw(images, seeded(1)))
    assert not torch.equal(first, second)


def test_stronger_presets_change_more():
    axis = torch.linspace(0, 3, 16)
    smooth = (0.5 + 0.3 * torch.sin(axis[:, None] + 2 * axis[None, :])).expand(64, 3, 16, 16)
    changes = []
    for name in ("light", "medium", "strong"):
        varied = augmenter(AugmentRecipe(preset=name, flip=False), size=16)(smooth, seeded())
        changes.append(float((varied - smooth).abs().mean()))
    assert changes == sorted(changes)


def test_half_are_mirrored_and_none_where_that_is_wrong(monkeypatch):
    images = photos(1000, side=4)
    mirrored = vary(images, monkeypatch, flip=True)
    flipped = (mirrored == images.flip(3)).flatten(1).all(dim=1)
    plain = (mirrored == images).flatten(1).all(dim=1)
    assert bool((flipped | plain).all())
    assert 400 < int(flipped.sum()) < 600
    assert torch.equal(vary(images, monkeypatch), images)


def test_shifts_are_whole_pixels_with_mirrored_borders(monkeypatch):
    """Against numpy's own reflection padding, image by image."""
    images = photos(50, side=10)
    shifted = vary(images, monkeypatch, shift=0.2)
    seen = set()
    for before, after in zip(images.numpy(), shifted.numpy(), strict=True):
        padded = np.pad(before, ((0, 0), (2, 2), (2, 2)), mode="reflect")
        hits = [
            (row, column)
            for row in range(5)
            for column in range(5)
            if np.array_equal(padded[:, row : row + 10, column : column + 10], after)
        ]
        assert len(hits) == 1
        seen |= set(hits)
    assert len(seen) > 15


def test_rotation_equals_scipys(monkeypatch):
    """Inside the disc that a rotation maps onto itself; outside, the borders are filled in."""
    axis = torch.linspace(-1, 1, 65)
    blob = torch.exp(-((axis[:, None] - 0.3) ** 2 + (axis[None, :] + 0.2) ** 2) * 12)
    turned = vary(blob[None, None], monkeypatch, rotation=40.0, seed=5)[0, 0].numpy()
    angle = float(torch.rand(1, generator=seeded(5)) * 2 - 1) * 40
    expected = rotate(blob.numpy(), angle, reshape=False, order=1)
    inside = (axis[:, None] ** 2 + axis[None, :] ** 2 < 0.95).numpy()
    assert abs(angle) > 5
    np.testing.assert_allclose(turned[inside], expected[inside], atol=1e-3)


def test_zoom_changes_the_area_of_a_disc_by_its_square(monkeypatch):
    axis = torch.linspace(-1, 1, 101)
    disc = (axis[:, None] ** 2 + axis[None, :] ** 2 < 0.16).float()[None, None].repeat(200, 1, 1, 1)
    zoomed = vary(disc, monkeypatch, zoom=1.5)
    factors = (zoomed.sum(dim=(1, 2, 3)) / disc.sum(dim=(1, 2, 3))).sqrt()
    assert factors.min() == pytest.approx(1 / 1.5, abs=0.03)
    assert factors.max() == pytest.approx(1.5, abs=0.03)


def test_colours_equal_their_definitions_one_image_at_a_time():
    strength = Strength(**(STILL | {"brightness": 0.3, "contrast": 0.3, "saturation": 0.3}))
    images = photos(5) * 0.5 + 0.2
    varied = policies._coloured(images, strength, seeded(3))
    draws = seeded(3)
    gain, contrast, saturation = (
        (torch.rand(5, generator=draws) * 2 - 1) * 0.3 + 1 for _ in range(3)
    )
    for index, image in enumerate(images):
        grey = (image * torch.tensor([0.299, 0.587, 0.114]).view(3, 1, 1)).sum(0, keepdim=True)
        expected = grey + saturation[index] * (image - grey)
        expected = image.mean() + contrast[index] * (expected - image.mean())
        expected = (expected * gain[index]).clamp(0, 1)
        torch.testing.assert_close(varied[index], expected, rtol=1e-5, atol=1e-5)


def test_erasing_overwrites_one_rectangle_of_some(monkeypatch):
    images = photos(400, side=20, channels=1)
    erased = vary(images, monkeypatch, erase=0.25, erase_area=0.2)
    changed = (erased != images)[:, 0]
    touched = changed.flatten(1).any(dim=1)
    assert 60 < int(touched.sum()) < 140
    for mask in changed[touched]:
        rows, columns = mask.any(dim=1), mask.any(dim=0)
        assert bool((mask == (rows[:, None] & columns[None, :])).all())
        assert int(mask.sum()) <= math.ceil(0.2 * 400 * 1.4)


def test_erasing_by_itself_is_torchvisions_with_the_images_mean():
    images = photos(50, side=20)
    erased = augmenter(AugmentRecipe(erasing=1.0), size=20)(images, seeded(2))
    touched = 0
    for before, after in zip(images, erased, strict=True):
        changed = (after != before).any(dim=0)
        if not changed.any():
            continue
        rows, columns = changed.any(dim=1).nonzero(), changed.any(dim=0).nonzero()
        top, left = int(rows.min()), int(columns.min())
        tall, wide = int(rows.max()) + 1 - top, int(columns.max()) + 1 - left
        mean = before.mean(dim=(1, 2), keepdim=True)
        torch.testing.assert_close(after, functional.erase(before, top, left, tall, wide, mean))
        touched += 1
    assert touched > 45
    half = augmenter(AugmentRecipe(erasing=0.5), size=20)(photos(400, side=20), seeded(2))
    changed = (half != photos(400, side=20)).flatten(1).any(dim=1)
    assert 140 < int(changed.sum()) < 240


def test_mirroring_and_brightness_equal_torchvisions(monkeypatch):
    images = photos(6) * 0.5
    mirrored = vary(images, monkeypatch, flip=True)
    for before, after in zip(images, mirrored, strict=True):
        assert torch.equal(after, before) or torch.equal(after, functional.horizontal_flip(before))
    brighter = vary(images, monkeypatch, brightness=0.5, seed=9)
    gains = 1 + (torch.rand(6, generator=seeded(9)) * 2 - 1) * 0.5
    for before, after, gain in zip(images, brighter, gains.tolist(), strict=True):
        torch.testing.assert_close(after, functional.adjust_brightness(before, gain))
    contrast = vary(images[:, :1], monkeypatch, contrast=0.5, seed=9)
    draws = seeded(9)
    torch.rand(6, generator=draws)
    factors = 1 + (torch.rand(6, generator=draws) * 2 - 1) * 0.5
    for before, after, factor in zip(images[:, :1], contrast, factors.tolist(), strict=True):
        torch.testing.assert_close(after, functional.adjust_contrast(before, factor))


def test_pixels_far_apart_stay_where_they_are_without_moves(monkeypatch):
    images = photos()
    torch.testing.assert_close(vary(images, monkeypatch), images)
