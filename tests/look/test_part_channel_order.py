"""Whether a part's red and blue are exchanged, by what training pictures look like."""

from functools import partial

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_sample_images

from phoropter.data.index import colour_thumbnails, index, thumbnails
from phoropter.data.open import open_dataset
from phoropter.look.checks.part_channel_order import check
from phoropter.look.colour_order import colour_balance, orientation, unseen_scores
from phoropter.look.evidence import LookEvidence

CHINA, FLOWER = load_sample_images().images


def crops(photo, count, *, seed):
    rng = np.random.default_rng(seed)
    ends = zip(rng.integers(0, 300, count), rng.integers(0, 500, count), strict=True)
    return [photo[y : y + 120, x : x + 120] for y, x in ends]


def evidence_of(folder, *, exchanged=(), grey=False, tint=1.0):
    """Three parts, two classes; one part of an own name."""
    for part, count in (("train", 90), ("val", 40), ("test_night", 40)):
        for name, photo in (("china", CHINA), ("flower", FLOWER)):
            (folder / part / name).mkdir(parents=True)
            for number, crop in enumerate(crops(photo, count // 2, seed=len(part))):
                seen = crop[..., ::-1] if part in exchanged else crop
                if part != "train":
                    seen = (seen * [1, 1, tint]).clip(0, 255).astype(np.uint8)
                image = Image.fromarray(np.ascontiguousarray(seen))
                if grey:
                    image = image.convert("L").convert("RGB")
                image.save(folder / part / name / f"{number}.png")
    data = index(open_dataset(folder))
    colours = partial(colour_thumbnails, data)
    return LookEvidence(data, None, None, thumbnails(data, None), colours=colours)


def test_only_the_exchanged_part_is_named(tmp_path):
    found = list(check(evidence_of(tmp_path, exchanged=("test_night",))))
    assert [(item.code, item.severity) for item in found] == [("preprocessing-mismatch", "warning")]
    said = found[0].evidence
    assert said["part"] == "test_night"
    assert said["exchanged_share"] > 0.8
    assert said["train_exchanged_share"] < 0.2
    assert all(name.startswith("test_night") for name in said["samples"])
    assert "'test_night'" in found[0].message


def test_all_held_out_parts_may_be_exchanged(tmp_path):
    found = list(check(evidence_of(tmp_path, exchanged=("val", "test_night"))))
    assert [item.evidence["part"] for item in found] == ["test_night", "val"]


@pytest.mark.parametrize("changes", [{}, {"grey": True}, {"tint": 0.8}, {"tint": 1.25}])
def test_same_grey_or_tinted_parts_say_nothing(tmp_path, changes):
    assert not list(check(evidence_of(tmp_path, **changes)))


def test_a_data_set_that_is_exchanged_throughout_is_like_itself(tmp_path):
    everything = ("train", "val", "test_night")
    assert not list(check(evidence_of(tmp_path, exchanged=everything)))


def test_scores_of_exchanged_pictures_are_the_negative():
    rng = np.random.default_rng(0)
    seen = rng.integers(0, 200, (60, 32, 32, 3)).astype(np.uint8)
    seen[..., 0] += 40  # a reddish world
    balances = colour_balance(seen)
    np.testing.assert_allclose(colour_balance(seen[..., ::-1]), -balances, atol=1e-12)
    weights = orientation(balances)
    assert (balances @ weights > 0).all()
    assert np.mean(unseen_scores(balances, rng) > 0) > 0.95


def test_noise_without_an_order_is_not_known_from_its_copy():
    rng = np.random.default_rng(1)
    balances = colour_balance(rng.integers(0, 256, (200, 32, 32, 3)).astype(np.uint8))
    scores = unseen_scores(balances, rng)
    assert abs(scores.mean() / scores.std() * np.sqrt(200)) < 6
