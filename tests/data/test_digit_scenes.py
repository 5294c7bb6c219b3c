import json
from collections import Counter

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from phoropter.core.seed import generator
from phoropter.data import digit_scenes
from phoropter.data.digit_scenes import SIDE, VISIBLE, compose
from phoropter.data.open import open_dataset
from phoropter.data.rle import mask_of, unpacked


@pytest.fixture(scope="module")
def scenes(tmp_path_factory):
    patch = pytest.MonkeyPatch()
    patch.setattr(digit_scenes, "SCENES", {"train": 12, "val": 4, "test": 4})
    folder = tmp_path_factory.mktemp("scenes")
    digit_scenes.write_digit_scenes(folder)
    patch.undo()
    return folder


def test_scenes_are_read_as_instances_with_their_parts(scenes):
    dataset = open_dataset(scenes)
    assert (dataset.layout, dataset.task, len(dataset)) == ("coco", "instances", 20)
    assert dataset.classes == tuple("0123456789")
    assert dataset.rejected == ()
    assert Counter(dataset.table["part"]) == {"train": 12, "val": 4, "test": 4}
    counts = dataset.objects.group_by("id").len()["len"]
    assert 2 <= counts.min() <= counts.max() <= 6


def test_boxes_are_around_masks_and_masks_do_not_meet(scenes):
    objects = open_dataset(scenes).objects
    for _, rows in objects.group_by("id"):
        covered = np.zeros((SIDE, SIDE), dtype=int)
        for row in rows.to_dicts():
            mask = mask_of(unpacked(row["rle"]), SIDE, SIDE)
            covered += mask
            down, across = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
            assert (row["x1"], row["y1"]) == (across[0], down[0])
            assert (row["x2"], row["y2"]) == (across[-1] + 1, down[-1] + 1)
        assert covered.max() == 1


def test_masks_are_those_of_pycocotools(scenes):
    masks = pytest.importorskip("pycocotools.mask")
    content = json.loads((scenes / "val.json").read_text())
    assert content["annotations"]
    for item in content["annotations"]:
        assert masks.area(item["segmentation"]) == item["area"]
        assert masks.toBbox(item["segmentation"]).tolist() == item["bbox"]


def test_digits_are_brighter_than_the_ground(scenes):
    objects = open_dataset(scenes).objects
    inside, outside = [], []
    for (name,), rows in objects.group_by("id"):
        with Image.open(scenes / name) as image:
            grey = np.asarray(image.convert("L"), dtype=float)
        whole = sum(mask_of(unpacked(text), SIDE, SIDE) for text in rows["rle"]) > 0
        inside.append(grey[whole].mean())
        outside.append(grey[~whole].mean())
    assert min(inside) > max(outside)


def test_enough_of_each_digit_stays_in_sight_and_some_are_covered(scenes):
    shares = [json.loads(text)["visible"] for text in open_dataset(scenes).objects["extra"]]
    assert VISIBLE <= min(shares) < max(shares) == 1


def test_a_scene_is_the_same_whenever_it_is_composed():
    digits = load_digits()
    first, second = (
        compose(digits.images / 16, digits.target, generator(0, "test")) for _ in range(2)
    )
    assert np.array_equal(first.pixels, second.pixels)
    assert (first.digits, first.visible) == (second.digits, second.visible)
