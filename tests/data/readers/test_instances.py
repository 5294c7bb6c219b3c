import numpy as np
import pytest
from PIL import Image

from phoropter.core.errors import InputError, UsageError
from phoropter.data.object_masks import with_measured_masks
from phoropter.data.open import open_dataset
from phoropter.data.readers import instances


@pytest.fixture
def folder(tmp_path, paint):
    """Two images with one and two masks, as Kaggle's Data Science Bowl has them."""
    for name, boxes in (("aa", [(1, 2, 4, 6)]), ("bb", [(0, 0, 3, 3), (5, 5, 12, 16)])):
        place = tmp_path / "stage1_train" / name
        paint(place / "images" / f"{name}.png", seed=len(boxes))
        (place / "masks").mkdir()
        for number, (top, left, bottom, right) in enumerate(boxes):
            mask = np.zeros((12, 16), dtype=np.uint8)
            mask[top:bottom, left:right] = 255
            Image.fromarray(mask).save(place / "masks" / f"{number}.png")
    (tmp_path / "counts.csv").write_text("image_id,n\naa,1\nbb,2\n")
    return tmp_path


def test_a_mask_an_object(folder):
    assert instances.detects(folder) == pytest.approx(0.96)
    dataset = open_dataset(folder)
    assert (dataset.layout, dataset.task) == ("instances", "instances")
    assert dataset.description == "a mask an object, 1 class, 2 images, 3 objects"
    assert dataset.classes == ("object",)
    assert dataset.objects["mask_path"].to_list()[0] == "stage1_train/aa/masks/0.png"
    assert dataset.objects["x1"].null_count() == 3
    boxes = with_measured_masks(dataset).select("x1", "y1", "x2", "y2").rows()
    assert boxes == [(2, 1, 6, 4), (0, 0, 3, 3), (5, 5, 16, 12)]
    assert dataset.rejected == ()


def test_images_without_masks_are_told(folder, paint):
    paint(folder / "stage1_test" / "cc" / "images" / "cc.png")
    paint(folder / "stage1_train" / "bb" / "images" / "second.png")
    dataset = instances.read(folder, target=None)
    assert len(dataset) == 1
    assert {(item.path.rpartition("/")[2], item.reason) for item in dataset.rejected} == {
        ("cc.png", "no masks for it"),
        ("bb.png", "not the only image of its masks"),
        ("second.png", "not the only image of its masks"),
    }


def test_pairs_of_images_and_masks_are_another_layout(tmp_path, paint):
    paint(tmp_path / "train" / "images" / "1.png")
    paint(tmp_path / "train" / "masks" / "1.png")
    assert instances.detects(tmp_path) == 0


def test_what_is_not_there(tmp_path):
    assert instances.detects(tmp_path) == 0
    with pytest.raises(InputError, match="no image with masks"):
        instances.read(tmp_path, target=None)
    with pytest.raises(UsageError, match="no column"):
        instances.read(tmp_path, target="x")
