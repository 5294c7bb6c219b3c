import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

from phoropter.look import neighbours
from phoropter.look.copies import NO_COPIES, SMALLEST_SET, find_copies, likeness
from phoropter.look.families import joined, several
from phoropter.look.registration import prepared, register


def encoded(image, quality):
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    return Image.open(file)


CHANGES = {
    "re-encoded": lambda image: encoded(image, 50),
    "resized": lambda image: image.resize((41, 57)),
    "cropped": lambda image: image.crop((6, 2, 62, 58)),
    "shifted": lambda image: Image.fromarray(
        np.pad(np.asarray(image), ((4, 0), (4, 0), (0, 0)), mode="edge")[:64, :64]
    ),
    "mirrored": ImageOps.mirror,
    "mirrored and cropped": lambda image: ImageOps.mirror(image).crop((3, 3, 61, 61)),
    "brighter": lambda image: ImageEnhance.Brightness(image).enhance(1.3),
    "darker": lambda image: ImageEnhance.Brightness(image).enhance(0.5),
    "contrast": lambda image: ImageEnhance.Contrast(image).enhance(0.7),
    "blurred": lambda image: image.filter(ImageFilter.GaussianBlur(1)),
    "grey": lambda image: image.convert("L"),
    "turned": lambda image: image.rotate(5, Image.Resampling.BICUBIC),
}


def small(image):
    return np.asarray(image.convert("L").resize((32, 32), Image.Resampling.BOX), dtype=np.uint8)


def found_in(thumbnails, seed=0):
    return sorted(find_copies(thumbnails, seed=seed).pairs.tolist())


@pytest.fixture(scope="module")
def photos(patches):
    """A hundred patches of photographs, not of plain sky, as images."""
    images = [Image.fromarray(patch) for patch in patches(120)]
    spread = np.argsort([small(image).std() for image in images])
    return [images[row] for row in sorted(spread[-100:])]


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_copy_is_found_among_photographs_and_nothing_else(photos, change):
    rows = (3, 50, 97)
    copies = [CHANGES[change](photos[row]) for row in rows]
    thumbnails = np.stack([small(image) for image in (*photos, *copies)])
    assert found_in(thumbnails) == [[row, 100 + place] for place, row in enumerate(rows)]


def test_half_of_a_set_may_be_copies(photos):
    copies = [change(image) for image, change in zip(photos, [*CHANGES.values()] * 8, strict=False)]
    thumbnails = np.stack([small(image) for image in (*photos, *copies)])
    found = found_in(thumbnails)
    assert {tuple(pair) for pair in found} <= {(row, row + 100) for row in range(100)}
    assert len(found) >= 0.95 * len(copies)


def test_a_family_of_eight_is_found_whole(photos):
    kinds = ("re-encoded", "cropped", "mirrored", "darker", "grey", "blurred", "resized")
    copies = [CHANGES[kind](photos[3]) for kind in kinds]
    thumbnails = np.stack([small(image) for image in (*photos, *copies)])
    families = several(joined(len(thumbnails), find_copies(thumbnails, seed=0).pairs))
    assert [rows.tolist() for rows in families] == [[3, *range(100, 107)]]


def test_a_copy_of_a_copy_is_one_family(photos):
    first = CHANGES["cropped"](photos[3])
    second = CHANGES["turned"](CHANGES["darker"](first))
    third = CHANGES["mirrored"](second)
    thumbnails = np.stack([small(image) for image in (*photos, first, second, third)])
    families = several(joined(len(thumbnails), find_copies(thumbnails, seed=0).pairs))
    assert [rows.tolist() for rows in families] == [[3, 100, 101, 102]]


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_the_order_of_rows_does_not_matter(photos, seed):
    copies = [CHANGES[kind](photos[9]) for kind in ("turned", "mirrored", "cropped")]
    thumbnails = np.stack([small(image) for image in (*photos[:40], *copies)])
    order = np.random.default_rng(seed).permutation(len(thumbnails))
    there = [sorted((int(order[a]), int(order[b]))) for a, b in found_in(thumbnails[order])]
    assert sorted(there) == found_in(thumbnails)
    assert len(there) == 6


def test_pairs_are_alike_both_ways(photos):
    thumbnails = np.stack([small(image) for image in photos[:30]])
    pictures = prepared(thumbnails)
    pairs = np.stack([np.arange(29), np.arange(1, 30)], axis=1)
    no = np.zeros(29, dtype=bool)
    there, back = register(pictures, pairs, no), register(pictures, pairs[:, ::-1], no)
    both = (there.edges > 0.9) == (back.edges > 0.9)
    assert both.all()


def test_handwritten_look_alikes_are_no_copies(digits):
    thumbnails, _ = digits
    assert found_in(thumbnails[:600]) == []


def test_only_ones_the_most_alike_of_all_are_no_copies(digits):
    thumbnails, labels = digits
    assert found_in(thumbnails[labels == "1"]) == []


def fields(seed):
    """Sixty smooth pictures that differ in few ways, as the frames of a film do."""
    rng = np.random.default_rng(seed)
    waves = rng.normal(size=(rng.integers(2, 12), 32, 32)).cumsum(axis=1).cumsum(axis=2)
    mixed = np.tensordot(rng.normal(size=(60, len(waves))), waves, axes=1)
    grey = 128 + 40 * mixed / mixed.std(axis=(1, 2), keepdims=True)
    return np.clip(grey, 0, 255).astype(np.uint8)


def test_false_alarms_are_rare_where_pictures_differ_in_few_ways():
    """At most one of twelve sets, by chance."""
    assert sum(len(found_in(fields(seed))) > 0 for seed in range(12)) <= 1


def test_copies_are_found_where_strangers_are_look_alikes():
    """Each picture has strangers about as near as usual copies: only its own copy lies apart."""
    originals = np.concatenate([fields(0), fields(0)[:, ::-1]])
    copies = [
        Image.fromarray(picture).filter(ImageFilter.GaussianBlur(0.5)).point(lambda grey: grey / 2)
        for picture in originals[10:70]
    ]
    thumbnails = np.stack([*originals, *(np.asarray(image) for image in copies)])
    found = {tuple(pair) for pair in found_in(thumbnails)}
    planted = {(row + 10, len(originals) + row) for row in range(60)}
    assert len(found & planted) >= 0.9 * len(planted)
    assert len(found - planted) <= 0.05 * len(planted)


def test_too_small_a_set_teaches_no_rule(digits):
    assert find_copies(digits[0][: SMALLEST_SET - 1], seed=0) is NO_COPIES
    assert find_copies(digits[0][:0], seed=0) is NO_COPIES


def test_a_copy_says_what_was_done_to_it(photos):
    best = int(np.argmax([small(image).std() for image in photos]))
    copies = [CHANGES[kind](photos[best]) for kind in ("turned", "mirrored", "cropped", "grey")]
    thumbnails = np.stack([small(image) for image in (*photos, *copies)])
    found = find_copies(thumbnails, seed=0)
    pairs = zip(found.pairs.tolist(), found.how, strict=True)
    said = {second: how for (first, second), how in pairs if first == best}
    assert said[100] == "turned by 5 degrees"
    assert said[101] == "mirrored"
    assert said[102].startswith("scaled 1.14 times")
    assert said[103] == "in place"
    assert (np.diff(found.distances) >= 0).all()


def test_likeness_is_the_sum_of_fisher_z():
    from phoropter.look.registration import Registered

    some = Registered(np.float32([0.5]), np.float32([0.8]), np.zeros((1, 2, 3), np.float32))
    assert likeness(some) == pytest.approx([0.5 * np.log(1.5 / 0.5) + 0.5 * np.log(1.8 / 0.2)])


def test_cells_find_the_same_copies(monkeypatch, photos):
    images = [*photos, *(image.crop((3, 3, 61, 61)) for image in photos[:15])]
    thumbnails = np.stack([small(image) for image in images])
    whole = found_in(thumbnails)
    monkeypatch.setattr(neighbours, "WHOLE_SEARCH_ROWS", 20)
    monkeypatch.setattr(neighbours, "CELL_ROWS", 12)
    assert found_in(thumbnails) == whole
    assert len(whole) == 15
