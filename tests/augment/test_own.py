import pytest
import torch
from torch import Generator

from phoropter.augment.policies import augmenter
from phoropter.core.errors import BrokenContractError, UsageError
from phoropter.core.recipe import Recipe


def made(part, preset="none", **options):
    recipe = Recipe().changed({"data.augment.own": part, "data.augment.preset": preset})
    return augmenter(recipe.data.augment, size=8, **options)


def dimmed(images, generator):
    factor = torch.rand(len(images), generator=generator).to(images)
    return images * factor.view(-1, 1, 1, 1)


def test_it_varies_the_images_by_the_generator_alone():
    vary = made(dimmed, channels=1)
    images = torch.rand(5, 1, 8, 8)
    first = vary(images, Generator().manual_seed(3))
    torch.testing.assert_close(first, dimmed(images, Generator().manual_seed(3)))
    assert not torch.equal(first, vary(images, Generator().manual_seed(4)))


def test_it_comes_after_the_preset():
    images = torch.rand(5, 3, 8, 8)
    preset = augmenter(Recipe().changed({"data.augment.preset": "strong"}).data.augment, size=8)
    generator = Generator().manual_seed(3)
    wanted = dimmed(preset(images, generator), generator)
    torch.testing.assert_close(made(dimmed, "strong")(images, Generator().manual_seed(3)), wanted)


def in_place(images, generator):
    return images.mul_(0.5)


def by_chance(images, generator):
    return images * torch.rand(1)


def failing(images, generator):
    message = "not today"
    raise ValueError(message)


@pytest.mark.parametrize(
    ("part", "words"),
    [
        (lambda images, generator: images[:, :, :4], r"into \(4, 3, 4, 8\)"),
        (lambda images, generator: None, "into NoneType"),
        (lambda images, generator: images.double(), "into torch.float64"),
        (lambda images, generator: images * 255, "numbers from"),
        (lambda images, generator: images / 0, "numbers from nan|numbers from inf"),
        (in_place, "changes the images"),
        (by_chance, "other images for the same state"),
        (failing, "failed on images .4, 3, 8, 8.: ValueError: not today"),
        (lambda images: images, "TypeError"),
    ],
)
def test_a_broken_promise_is_told(part, words):
    with pytest.raises(BrokenContractError, match=words):
        made(part)


def test_an_unknown_name_is_told():
    with pytest.raises(UsageError, match="Unknown augmentation 'dimmed'"):
        made("dimmed")
