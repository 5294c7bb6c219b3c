import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw, ImageFont
from scipy.stats import binom
from sklearn.datasets import load_digits

from phoropter.augment.policies import augmenter
from phoropter.augment.survival import at_least, lost_labels, recognised
from phoropter.core.augment_recipe import AugmentRecipe

TURNED = AugmentRecipe(pipeline=({"torchvision.RandomRotation": {"degrees": [180, 180]}},))
MIRRORED = AugmentRecipe(pipeline=({"torchvision.RandomHorizontalFlip": {"p": 1.0}},))


def vectors(images):
    flat = images.flatten(1) - images.flatten(1).mean(1, keepdim=True)
    return torch.nn.functional.normalize(flat).numpy()


def lost(images, labels, *recipes):
    rows = np.arange(0, len(labels), 3)
    varied = {}
    for number, recipe in enumerate(recipes):
        vary = augmenter(recipe, size=images.shape[-1], channels=1)
        varied[str(number)] = vectors(vary(images[rows], torch.Generator().manual_seed(0)))
    found = lost_labels(vectors(images), labels, rows, varied)
    return {(item.kind, int(item.label), int(item.becomes)) for item in found}, found


@pytest.fixture(scope="module")
def digits():
    bunch = load_digits()
    images = torch.tensor(bunch.images[:900], dtype=torch.float32).unsqueeze(1) / 16
    return images, bunch.target[:900].astype(np.int64)


@pytest.fixture(scope="module")
def letters():
    """The letters b, d, p, q and o as a typewriter sets them, moved about and unclean."""
    font, draws = ImageFont.load_default(14), np.random.default_rng(0)
    images, labels = [], []
    for label, letter in enumerate("bdpqo"):
        left, top, right, bottom = font.getbbox(letter)
        for x, y in draws.uniform(-1, 1, (60, 2)):
            page = Image.new("L", (16, 16))
            place = (8 - (left + right) / 2 + x, 8 - (top + bottom) / 2 + y)
            ImageDraw.Draw(page).text(place, letter, font=font, fill=255)
            images.append(np.asarray(page) / 255 + draws.normal(0, 0.05, (16, 16)))
            labels.append(label)
    pixels = torch.tensor(np.stack(images), dtype=torch.float32).unsqueeze(1).clamp(0, 1)
    return pixels, np.array(labels)


def test_a_six_on_its_head_is_a_nine(digits):
    pairs, found = lost(*digits, TURNED)
    assert ("0", 6, 9) in pairs
    assert found[0].taken > 0.3 * found[0].samples
    assert found[0].p_value < 1e-6


def test_mirrored_letters_are_others(letters):
    pairs, _ = lost(*letters, MIRRORED)
    assert pairs == {("0", 0, 1), ("0", 1, 0), ("0", 2, 3), ("0", 3, 2)}
    assert {pair[1:] for pair in lost(*letters, TURNED)[0]} == {(0, 3), (3, 0), (1, 2), (2, 1)}


def test_what_a_writer_does_without_noticing_changes_no_digit(digits):
    slight = AugmentRecipe(pipeline=({"torchvision.RandomRotation": {"degrees": 15}},))
    presets = [AugmentRecipe(preset=name, flip=False) for name in ("light", "medium", "strong")]
    others = [AugmentRecipe(policy="randaugment"), AugmentRecipe(erasing=1.0), slight]
    assert not lost(*digits, *presets, *others)[0]


def test_digits_that_look_alike_either_way_keep_their_labels(digits):
    images, labels = digits
    kept = np.isin(labels, [0, 8])
    assert not lost(images[kept], labels[kept] // 8, MIRRORED, TURNED)[0]


def test_what_is_no_image_any_more_has_not_become_another_class(digits):
    images, labels = digits
    rows = np.arange(0, 900, 3)
    blank = np.random.default_rng(0).normal(size=(300, 64)).astype(np.float32)
    blank /= np.linalg.norm(blank, axis=1, keepdims=True)
    assert not lost_labels(vectors(images), labels, rows, {"noise": blank})


def test_random_labels_and_few_images_prove_nothing(digits):
    images, labels = digits
    shuffled = np.random.default_rng(0).permutation(labels)
    assert not lost(images, shuffled, TURNED)[0]
    assert (
        lost_labels(vectors(images[:4]), labels[:4], np.arange(4), {"x": vectors(images[:4])}) == ()
    )


@pytest.mark.parametrize(("count", "of", "chance"), [(1, 10, 0.03), (12, 30, 0.036), (30, 30, 0.2)])
def test_the_tail_is_that_of_the_binomial_distribution(count, of, chance):
    assert at_least(count, of, chance) == pytest.approx(binom.sf(count - 1, of, chance), rel=1e-9)


def test_what_is_left_of_varied_digits(digits):
    images, labels = digits
    plain, rows = (
        vectors(images),
        np.concatenate([np.flatnonzero(labels == n)[:40] for n in range(10)]),
    )
    draws = torch.Generator().manual_seed(0)
    hardest = AugmentRecipe(policy="randaugment", policy_ops=8, policy_magnitude=30)
    varied = {"same": plain[rows], "noise": vectors(torch.rand(400, 1, 8, 8, generator=draws))}
    for name, recipe in {"light": AugmentRecipe(preset="light"), "hardest": hardest}.items():
        vary = augmenter(recipe, size=8, channels=1)
        varied[name] = vectors(vary(images[rows], draws))
    left = recognised(plain, labels, rows, varied)
    assert left["same"] == 1.0
    assert abs(left["noise"]) < 0.08
    assert left["hardest"] < 0.15
    assert left["light"] > 0.5


def test_what_neighbours_do_not_know_cannot_be_lost():
    rng = np.random.default_rng(0)
    plain = rng.normal(size=(60, 20)).astype(np.float32)
    assert recognised(plain, np.arange(60) % 10, np.arange(60), {"same": plain}) == {}
    shuffled = np.random.default_rng(1).permutation(np.arange(300) % 3)
    many = rng.normal(size=(300, 20)).astype(np.float32)
    assert recognised(many, shuffled, np.arange(300), {"same": many}) == {}
    assert recognised(plain[:4], np.arange(4), np.arange(4), {"same": plain[:4]}) == {}
