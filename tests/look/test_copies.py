import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageFilter, ImageOps
from scipy.spatial.distance import cdist

from phoropter.look import neighbours
from phoropter.look.copies import NEIGHBOURS, find_copies, learn_rule, united
from phoropter.look.neighbours import (
    picture_neighbours,
    picture_vectors,
    unit_vectors,
    vector_neighbours,
)

CHANGES = {
    "resized": lambda image: image.resize((41, 57)),
    "mirrored": ImageOps.mirror,
    "brighter": lambda image: ImageEnhance.Brightness(image).enhance(1.3),
    "darker": lambda image: ImageEnhance.Brightness(image).enhance(0.5),
    "contrast": lambda image: ImageEnhance.Contrast(image).enhance(0.7),
    "blurred": lambda image: image.filter(ImageFilter.GaussianBlur(1)),
    "grey": lambda image: image.convert("L"),
}


def small(image):
    return np.asarray(image.convert("L").resize((32, 32), Image.Resampling.BOX), dtype=np.uint8)


def found_in(thumbnails, seed=0):
    return find_copies(picture_neighbours(thumbnails, NEIGHBOURS, seed=seed)).pairs.tolist()


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_copy_is_found_among_photographs_and_nothing_else(patches, change):
    images = [Image.fromarray(patch) for patch in patches(100)]
    spread = [small(image).std() for image in images]
    first, second = sorted(np.argsort(spread)[-2:].tolist())  # not patches of plain sky
    copies = [CHANGES[change](images[row]) for row in (first, second)]
    thumbnails = np.stack([small(image) for image in (*images, *copies)])
    assert sorted(found_in(thumbnails)) == [[first, 100], [second, 101]]


def test_a_family_of_six_is_found_whole(digits):
    thumbnails, _ = digits
    rng = np.random.default_rng(1)
    noisy = [
        np.clip(thumbnails[3].astype(int) + rng.integers(-1, 2, (32, 32)), 0, 255).astype(np.uint8)
        for _ in range(5)
    ]
    pairs = found_in(np.concatenate([thumbnails[:500], noisy]))
    family = [3, *range(500, 505)]
    expected = [[a, b] for place, a in enumerate(family) for b in family[place + 1 :]]
    assert sorted(pairs) == expected


def test_handwritten_look_alikes_are_no_copies(digits):
    thumbnails, _ = digits
    assert found_in(thumbnails) == []


def test_only_ones_the_most_alike_of_all_are_no_copies(digits):
    thumbnails, labels = digits
    assert found_in(thumbnails[labels == "1"]) == []


def test_false_alarms_are_rare_in_random_clouds():
    """At most FALSE_ALARMS sets in a hundred; five are allowed for chance."""
    alarms = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        dimension = rng.integers(2, 20)
        basis = rng.normal(size=(dimension, 40))
        points = np.tanh(rng.normal(size=(150, dimension)) @ basis).astype(np.float32)
        alarms += len(find_copies(vector_neighbours(points, NEIGHBOURS, seed=0)).pairs) > 0
    assert alarms <= 5


def test_dimension_is_that_of_the_cloud_or_lower():
    rng = np.random.default_rng(0)
    for dimension in (2, 5):
        points = rng.uniform(size=(4_000, dimension)).astype(np.float32)
        estimate = learn_rule(vector_neighbours(points, NEIGHBOURS, seed=0)).dimension
        assert 0.4 * dimension < estimate < dimension


def test_too_small_a_set_teaches_no_rule(digits):
    copies = find_copies(picture_neighbours(digits[0][:30], NEIGHBOURS, seed=0))
    assert copies.rule is None
    assert len(copies.pairs) == 0


def test_united_keeps_each_pair_once(digits):
    thumbnails = np.concatenate([digits[0][:200], digits[0][:2] // 2])
    copies = find_copies(picture_neighbours(thumbnails, NEIGHBOURS, seed=0))
    assert copies.pairs.tolist() == [[0, 200], [1, 201]] or copies.pairs.tolist() == [
        [1, 201],
        [0, 200],
    ]
    assert united(copies, copies).pairs.tolist() == copies.pairs.tolist()


def test_neighbours_equal_those_by_brute_force(digits):
    thumbnails = digits[0][:300]
    plain, _ = picture_vectors(thumbnails)
    mirrored, _ = picture_vectors(thumbnails[:, :, ::-1])
    distances = np.minimum(cdist(plain, plain), cdist(mirrored, plain))
    np.fill_diagonal(distances, np.inf)
    near = picture_neighbours(thumbnails, 5, seed=0)
    assert near.distances == pytest.approx(np.sort(distances, axis=1)[:, :5], abs=1e-4)
    assert (near.rows != np.arange(300)[:, None]).all()


def test_flat_pictures_show_nothing():
    thumbnails = np.stack([np.full((32, 32), 200), np.arange(1024).reshape(32, 32) % 251])
    assert picture_vectors(thumbnails.astype(np.uint8))[1].tolist() == [False, True]


def test_cells_find_the_same_copies(monkeypatch, digits):
    rng = np.random.default_rng(2)
    thumbnails = digits[0][:1200]
    rows = rng.permutation(1200)[:15]
    copies = np.clip(thumbnails[rows] * 0.8 + rng.integers(0, 4, (15, 32, 32)), 0, 255)
    thumbnails = np.concatenate([thumbnails, copies.astype(np.uint8)])
    whole = found_in(thumbnails)
    monkeypatch.setattr(neighbours, "WHOLE_SEARCH_ROWS", 100)
    monkeypatch.setattr(neighbours, "CELL_ROWS", 200)
    assert sorted(found_in(thumbnails)) == sorted(whole)
    assert len(whole) == 15


def test_unit_vectors_rank_by_the_cosine():
    rng = np.random.default_rng(0)
    features = rng.normal(size=(300, 400)).astype(np.float32)
    units = unit_vectors(features, seed=0)
    assert units.shape == (300, 256)
    scaled = unit_vectors(features * rng.uniform(1, 5, (300, 1)).astype(np.float32), seed=0)
    assert cdist(units, units) == pytest.approx(cdist(scaled, scaled), abs=1e-3)
