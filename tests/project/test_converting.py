import json

import numpy as np
import pytest
from PIL import Image

import phoropter
from phoropter.core.errors import InputError, UsageError
from phoropter.data.open import open_dataset


@pytest.fixture
def annotated(tmp_path):
    """A COCO folder of six noisy images with a box each; the last image is broken."""
    draw = np.random.default_rng(0)
    images, annotations = [], []
    for number in range(1, 7):
        pixels = draw.integers(0, 256, (40, 60, 3), dtype=np.uint8)
        (tmp_path / "photos").mkdir(exist_ok=True)
        Image.fromarray(pixels).save(tmp_path / "photos" / f"{number}.png")
        images.append({"id": number, "file_name": f"{number}.png", "height": 40, "width": 60})
        box = [number, number, 20, 30 if number != 3 else -30]
        common = {"id": number, "image_id": number, "category_id": 1 + number % 2, "bbox": box}
        annotations.append({**common, "area": 600, "iscrowd": 0})
    (tmp_path / "photos" / "6.png").write_bytes(b"")
    names = [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}]
    document = {"images": images, "annotations": annotations, "categories": names}
    (tmp_path / "photos" / "annotations.json").write_text(json.dumps(document))
    return tmp_path / "photos"


def test_a_look_at_annotated_images(annotated, tmp_path):
    seen = phoropter.look(annotated, project=tmp_path / "p")
    assert (seen.task, seen.layout, seen.samples) == ("detection", "coco", 5)
    assert seen.classes == {"cat": 2, "dog": 3}
    codes = {finding.code: finding.severity for finding in seen.findings}
    assert codes["bad-boxes"] == "critical"
    assert codes["unreadable-files"] == "critical"
    assert codes["object-statistics"] == "info"
    assert sum(phoropter.split(annotated, project=tmp_path / "p").parts.values()) == 5


def test_objects_may_be_taken_for_boxes_or_masks_and_for_nothing_else(annotated):
    assert open_dataset(annotated, task="instances").task == "instances"
    with pytest.raises(UsageError, match="for detection, not for 'classification'"):
        open_dataset(annotated, task="classification")


def test_from_coco_to_yolo_and_back(annotated, tmp_path):
    there = phoropter.convert(annotated, tmp_path / "yolo", to="yolo")
    assert (there.layout, there.to, there.samples, there.objects) == ("coco", "yolo", 5, 5)
    assert there.linked + there.copied == 5
    assert {item.what for item in there.lost} >= {"images", "objects of images that are not there"}
    back = phoropter.convert(tmp_path / "yolo", tmp_path / "coco", to="coco")
    assert (back.layout, back.samples, back.classes) == ("yolo", 5, ("cat", "dog"))
    document = json.loads((tmp_path / "coco" / "annotations" / "instances.json").read_text())
    assert document["annotations"][0]["bbox"] == pytest.approx([1, 1, 20, 30], abs=1e-5)
    assert (tmp_path / "coco" / "images" / "1.png").read_bytes() == (
        annotated / "1.png"
    ).read_bytes()


def test_segmentation_counts_the_images_of_a_class(tmp_path):
    for number in range(12):
        mask = np.zeros((24, 32), dtype=np.uint8)
        mask[6:14, 4 + number : 14 + number] = 1
        mask[16:20, 8:12] = 2 if number < 5 else 0
        for folder, pixels in (("images", mask * 90 + 40), ("masks", mask)):
            (tmp_path / "s" / folder).mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(tmp_path / "s" / folder / f"{number}.png")
    (tmp_path / "s" / "classes.txt").write_text("road\ncar\nman\n")
    seen = phoropter.look(tmp_path / "s", project=tmp_path / "p")
    assert seen.task == "segmentation"
    assert seen.classes == {"road": 12, "car": 12, "man": 5}
    assert "bad-masks" not in {finding.code for finding in seen.findings}


def test_what_cannot_be_converted(annotated, tmp_path, class_folders_of_noise):
    with pytest.raises(UsageError, match="Unknown writer 'xyz'"):
        phoropter.convert(annotated, tmp_path / "new", to="xyz")
    with pytest.raises(UsageError, match="no annotated objects"):
        phoropter.convert(class_folders_of_noise, tmp_path / "new", to="coco")
    with pytest.raises(UsageError, match="not an empty folder"):
        phoropter.convert(annotated, annotated, to="coco")
    with pytest.raises(InputError, match="no XML file"):
        phoropter.convert(annotated, tmp_path / "new", to="coco", layout="voc")
    assert not (tmp_path / "new").exists()


@pytest.fixture
def class_folders_of_noise(tmp_path):
    for number in range(4):
        folder = tmp_path / "folders" / f"class{number % 2}"
        folder.mkdir(parents=True, exist_ok=True)
        Image.new("L", (8, 8), number * 40).save(folder / f"{number}.png")
    return tmp_path / "folders"
