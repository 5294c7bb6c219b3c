import json

import pytest
from PIL import Image

from phoropter.core.errors import InputError, UsageError
from phoropter.data.open import open_dataset
from phoropter.data.readers import yolo

CONFIG = "train: images/train\nval: images/val\nnames: [cat, dog]\n"


@pytest.fixture
def written(tmp_path, paint):
    """A function that writes images of 12 x 16 pixels, their labels and data.yaml."""

    def write(labels, *, config=CONFIG):
        for seed, (place, text) in enumerate(labels.items()):
            paint(tmp_path / "images" / f"{place}.png", seed=seed)
            if text is not None:
                file = tmp_path / "labels" / f"{place}.txt"
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(text.encode())
        if config is not None:
            (tmp_path / "data.yaml").write_text(config)
        return tmp_path

    return write


def corners(row):
    return [row[name] for name in ("x1", "y1", "x2", "y2")]


def said(dataset):
    return "\n".join(f"{item.path}: {item.reason}" for item in dataset.rejected)


def test_boxes_become_pixels(written):
    folder = written({"train/1": "1 0.5 0.5 0.25 0.5\n", "train/2": "", "val/3": None})
    assert yolo.detects(folder) == pytest.approx(0.9)
    dataset = open_dataset(folder)
    assert dataset.layout == "yolo"
    assert dataset.description == (
        "YOLO detection, 2 classes, 3 images, 1 object, given parts: train, val"
    )
    [row] = dataset.objects.to_dicts()
    assert (row["id"], row["label"]) == ("images/train/1.png", "dog")
    assert corners(row) == [6, 3, 10, 9]
    assert json.loads(row["extra"]) == {"line": 1}
    assert dataset.table["annotation"].to_list() == [
        "labels/train/1.txt",
        "labels/train/2.txt",
        None,
    ]
    assert dataset.rejected == ()


def test_polygons_are_instances(written):
    dataset = yolo.read(written({"train/1": "0 0 0 0.5 0 0.5 0.5\n"}), target=None)
    [row] = dataset.objects.to_dicts()
    assert dataset.task == "instances"
    assert row["polygons"] == [[0, 0, 8, 0, 8, 6]]
    assert corners(row) == [0, 0, 8, 6]


@pytest.mark.parametrize(
    "line",
    [
        "0\t0.5\t0.5\t0.25\t0.5",
        "0.0 5e-1 0.5 0.25 0.5  ",
        "\ufeff0 0.5 0.5 0.25 0.5",
        "\r\n0 0.5 0.5 0.25 0.5\r\n\r\n",
    ],
)
def test_unusual_lines_are_read(written, line):
    dataset = yolo.read(written({"train/1": line, "val/1": ""}), target=None)
    assert corners(dataset.objects.to_dicts()[0]) == [6, 3, 10, 9]
    assert dataset.rejected == ()


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("0 0.5 0.5 0.1", "4 numbers, not 5"),
        ("0 0.5 0.5 0.1 0.1 0.9", "six numbers: a prediction with its confidence?"),
        ("cat 0.5 0.5 0.1 0.1", "the class is no whole number"),
        ("0 0.5 abc 0.1 0.1", "not all are finite numbers"),
        ("0 nan 0.5 0.1 0.1", "not all are finite numbers"),
        ("0 0.5 0.5 inf 0.1", "not all are finite numbers"),
        ("0,0.5,0.5,0.1,0.1", "commas between the numbers"),
        ("0 .1 .1 .2 .2 .3 .3 .4", "8 numbers, not 5 or those of a polygon"),
    ],
)
def test_lines_that_say_nothing_are_told(written, line, words):
    text = f"0 0.5 0.5 0.1 0.1\n{line}\n"
    dataset = yolo.read(written({"train/1": text, "val/1": ""}), target=None)
    assert dataset.objects.height == 1
    assert f"labels/train/1.txt: {words}" in said(dataset)
    assert "line 2" in said(dataset)


def test_unknown_classes_keep_their_boxes(written):
    dataset = yolo.read(
        written({"train/1": "9 0.5 0.5 0.1 0.1\n-1 0.5 0.5 0.1 0.1", "val/1": ""}), target=None
    )
    assert dataset.objects["label"].to_list() == [None, None]
    assert "a class that has no name (2: line 1: 9, line 2: -1)" in said(dataset)


def test_files_that_do_not_fit_are_told(written):
    folder = written(
        {"train/1": "0 .5 .5 .1 .1", "train/2": " \n", "train/broken": "0 .5 .5 .1 .1"},
        config="train: ../elsewhere/train\nval: images/val\nnc: 3\nnames: [cat, dog]\n",
    )
    (folder / "labels" / "train" / "9.txt").write_text("0 .5 .5 .1 .1\n")
    (folder / "labels" / "train" / "classes.txt").write_text("cat\ndog\n")
    (folder / "images" / "train" / "broken.png").write_text("no picture")
    Image.new("L", (4, 4)).save(folder / "map.png")
    words = said(yolo.read(folder, target=None))
    assert "labels/train/9.txt: no image for it (1 objects)" in words
    assert "labels/train/2.txt: it holds nothing but white space" in words
    assert "data.yaml: nc differs from the number of names (3 and 2)" in words
    assert "a folder that is not there (2: train: '../elsewhere/train', val: 'images/val')" in words
    assert "images/train/broken.png: it is text, not an image" in words
    assert "./: 1 images not mentioned by any annotation" in words
    assert "classes.txt" not in words


def test_names_may_come_from_a_list_or_from_nowhere(written):
    folder = written({"1": "1 .5 .5 .1 .1"}, config=None)
    assert yolo.detects(folder) == pytest.approx(0.85)
    assert yolo.read(folder, target=None).classes == ("class 1",)
    (folder / "labels" / "classes.txt").write_text("cat\ndog\n")
    dataset = yolo.read(folder, target=None)
    assert dataset.classes == ("cat", "dog")
    assert dataset.objects["label"].to_list() == ["dog"]


def test_keypoints_are_no_polygon(written):
    folder = written(
        {"train/1": "0 .5 .5 .25 .5 .1 .2 2 .3 .4 1"},
        config="kpt_shape: [2, 3]\nnames: [cat]\nnc: 1\n",
    )
    [row] = yolo.read(folder, target=None).objects.to_dicts()
    assert corners(row) == [6, 3, 10, 9]
    assert row["polygons"] is None
    assert json.loads(row["extra"])["yolo_keypoints"] == [0.1, 0.2, 2, 0.3, 0.4, 1]


def test_many_images_before_the_labels_do_not_hide_them(tmp_path):
    (tmp_path / "images").mkdir()
    for number in range(3000):
        (tmp_path / "images" / f"{number}.jpg").touch()
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "1.txt").write_text("0 .5 .5 .1 .1\n")
    assert yolo.detects(tmp_path) == pytest.approx(0.85)


def test_numbers_with_gaps_are_kept(written):
    folder = written({"train/1": "5 .5 .5 .1 .1"}, config="names: {2: cat, 5: dog}\nnc: 2\n")
    dataset = yolo.read(folder / "data.yaml", target=None)
    assert (dataset.classes, dataset.class_ids) == (("cat", "dog"), (2, 5))


def test_parts_may_be_lists_of_images_or_folders_of_exports(written, tmp_path):
    folder = written(
        {"1": "0 .5 .5 .1 .1", "2": "0 .5 .5 .1 .1"},
        config="train: train.txt\nval: ../images/../val.txt\nnames: [cat]\n",
    )
    (folder / "train.txt").write_text("./images/1.png\n/etc/passwd\n")
    table = yolo.read(folder, target=None).table
    assert table["part"].to_list() == ["train", None]


@pytest.mark.parametrize("place", ["x" * 5000, "../../..", "/etc", "a\\0b", "loop"])
def test_folders_that_cannot_be_are_not_there(written, place):
    folder = written({"1": "0 .5 .5 .1 .1"}, config=f'train: "{place}"\nnames: [cat]\n')
    (folder / "loop").symlink_to(folder / "loop")
    assert "a folder that is not there (train:" in said(yolo.read(folder, target=None))


def test_labels_beside_their_images(tmp_path, paint):
    paint(tmp_path / "train" / "1.png")
    (tmp_path / "train" / "1.txt").write_text("0 .5 .5 .1 .1\n")
    dataset = yolo.read(tmp_path, target=None)
    assert dataset.table.select("path", "part").rows() == [("train/1.png", "train")]


def test_what_is_not_there(tmp_path, written):
    (tmp_path / "notes.txt").write_text("hello")
    assert yolo.detects(tmp_path) == 0
    assert yolo.detects(tmp_path / "notes.txt") == 0
    with pytest.raises(InputError, match="no image with labels"):
        yolo.read(tmp_path, target=None)
    with pytest.raises(UsageError, match="no column"):
        yolo.read(tmp_path, target="x")
