from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from phoropter.core.errors import UsageError
from phoropter.core.records import Dataset
from phoropter.data.readers.folders import detects, read

Writer = Callable[[Mapping[str, int]], Path]


def counts(dataset: Dataset) -> dict[str, int]:
    return dict(dataset.table["label"].value_counts().iter_rows())


def test_one_folder_a_class(class_folders: Writer) -> None:
    root = class_folders({"cat": 3, "dog": 2})
    dataset = read(root, target=None)
    assert counts(dataset) == {"cat": 3, "dog": 2}
    assert dataset.table["id"].to_list()[:2] == ["cat/000.png", "cat/001.png"]
    assert dataset.table["path"].equals(dataset.table["id"].rename("path"))
    assert dataset.table["part"].null_count() == dataset.table["group"].null_count() == 5
    assert (dataset.name, dataset.root, dataset.layout) == ("photos", root, "folders")
    assert (dataset.task, dataset.targets, dataset.rejected) == ("classification", ("label",), ())
    assert dataset.description == "class folders, 2 classes, 5 images"
    assert detects(root) == 0.6


@pytest.mark.parametrize(
    ("names", "parts"),
    [
        (("train", "val"), ("train", "val")),
        (("TRAIN", "Validation", "Test"), ("train", "val", "test")),
        (("training", "dev", "testing"), ("train", "val", "test")),
        (("train2017", "valid", "test"), ("train", "val", "test")),
        (("train", "test_same", "test_shifted"), ("train", "test", "test")),
    ],
)
def test_part_folders(class_folders: Writer, names: tuple[str, ...], parts: tuple[str]) -> None:
    root = class_folders({f"{name}/{label}": 2 for name in names for label in "ab"})
    dataset = read(root, target="label")
    found = set(dataset.table.select("part_name", "part").iter_rows())
    assert found == set(zip(names, parts, strict=True))
    assert counts(dataset) == {"a": 2 * len(names), "b": 2 * len(names)}
    assert detects(root) == 0.7


def test_train_may_be_a_class(class_folders: Writer) -> None:
    root = class_folders({"train": 2, "bus": 2, "car": 2})
    assert counts(read(root, target=None)) == {"train": 2, "bus": 2, "car": 2}


@pytest.mark.parametrize("wrap", ["archive", "archive/photos"])
def test_wrapping_folders_are_looked_through(class_folders: Writer, wrap: str) -> None:
    root = class_folders({f"{wrap}/cat": 1, f"{wrap}/dog": 1})
    dataset = read(root, target=None)
    assert counts(dataset) == {"cat": 1, "dog": 1}
    assert dataset.table["id"][0] == f"{wrap}/cat/000.png"


def test_folders_inside_a_class_belong_to_it(class_folders: Writer) -> None:
    root = class_folders({"cat": 1, "cat/more/deep": 2, "dog": 1})
    assert counts(read(root, target=None)) == {"cat": 3, "dog": 1}


def test_every_visible_file_is_a_sample_or_rejected(class_folders: Writer) -> None:
    root = class_folders({"train/cat": 2, "train/dog": 2, "test/cat": 1, "test/dog": 1})
    hidden = [".DS_Store", "train/.gitkeep", "train/cat/._000.png", "train/.x/a.png"]
    hidden += ["__MACOSX/train/cat/._x.jpg", "train/.ipynb_checkpoints/copy.jpg"]
    notes = ["README.md", "LICENSE"]
    others = ["loose.jpg", "train/notes.txt", "train/cat/Thumbs.db", "train/dog/desktop.ini"]
    others += ["train/cat/list.csv", "train/cat/.hidden.jpg", "train/between.png"]
    for name in [*hidden, *notes, *others]:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")
    dataset = read(root, target=None)
    assert len(dataset) == 6
    assert sorted(item.path for item in dataset.rejected) == sorted(others)
    assert all(item.reason for item in dataset.rejected)
    kinds = {item.path: item.kind for item in dataset.rejected}
    assert kinds["train/cat/Thumbs.db"] == kinds["train/notes.txt"] == "junk"
    assert kinds["loose.jpg"] == kinds["train/cat/.hidden.jpg"] == "unusable"


def test_files_are_images_by_extension_or_by_content(class_folders: Writer) -> None:
    root = class_folders({"cat": 1, "dog": 1})
    picture = (root / "cat/000.png").read_bytes()
    (root / "cat/without extension").write_bytes(picture)
    (root / "cat/photo.bak").write_bytes(picture)
    (root / "cat/broken.JPEG").write_bytes(b"")
    dataset = read(root, target=None)
    assert counts(dataset)["cat"] == 4
    assert dataset.rejected == ()


def test_odd_names(class_folders: Writer) -> None:
    root = class_folders({"cat": 1, "dog": 1})
    picture = (root / "cat/000.png").read_bytes()
    names = [
        "한글 1.png",
        "a,b;c.png",
        'a"b.png',
        "-rf.png",
        "two\nlines.png",
        "写真🌸.png",
        " .png",
    ]
    for name in names:
        (root / "dog" / name).write_bytes(picture)
    found = {path.removeprefix("dog/") for path in read(root, target=None).table["path"]}
    assert set(names) <= found


def test_name_that_is_no_text_is_rejected(class_folders: Writer) -> None:
    root = class_folders({"cat": 1, "dog": 1})
    name = os.fsdecode(b"caf\xe9.png")
    try:
        (root / "cat" / name).write_bytes(b"x")
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    (item,) = read(root, target=None).rejected
    assert item.path == "cat/caf\\xe9.png"
    assert "UTF-8" in item.reason


def test_classes_without_images_are_named(class_folders: Writer) -> None:
    root = class_folders({"cat": 1, "dog": 1, "empty": 0, "junk": 0})
    (root / "junk/Thumbs.db").write_bytes(b"x")
    dataset = read(root, target=None)
    assert dataset.description.endswith("; without images: 'empty', 'junk'")


def test_spellings_of_one_class_are_merged_into_that_of_train(class_folders: Writer) -> None:
    root = class_folders({"train/t-shirt": 1, "train/hat": 1, "test/T-shirt": 5, "test/hat": 1})
    dataset = read(root, target=None)
    assert counts(dataset) == {"t-shirt": 6, "hat": 2}
    assert "'T-shirt' read as 't-shirt'" in dataset.description


def test_spellings_that_stand_side_by_side_are_two_classes(class_folders: Writer) -> None:
    root = class_folders({"train/a": 1, "train/A": 1, "test/a": 1, "test/A": 1})
    if len(list((root / "train").iterdir())) == 1:
        pytest.skip("this file system does not tell case apart")
    assert counts(read(root, target=None)) == {"a": 2, "A": 2}


def test_links_are_followed_but_not_in_circles(class_folders: Writer, tmp_path: Path) -> None:
    root = class_folders({"cat": 2, "dog": 1})
    (root / "dog" / "loop").symlink_to(root / "dog")
    (root / "dog" / "nowhere.png").symlink_to(tmp_path / "missing.png")
    (root / "bird").symlink_to(root / "cat")
    dataset = read(root, target=None)
    assert counts(dataset) == {"cat": 2, "bird": 2, "dog": 1}
    assert [(item.path, item.reason) for item in dataset.rejected] == [
        ("dog/nowhere.png", "a link that leads nowhere")
    ]


def test_pipes_are_not_opened(class_folders: Writer) -> None:
    root = class_folders({"cat": 1, "dog": 1})
    os.mkfifo(root / "cat" / "pipe.png")
    (item,) = read(root, target=None).rejected
    assert item.reason == "not a regular file"


def test_no_other_target(class_folders: Writer) -> None:
    root = class_folders({"cat": 1, "dog": 1})
    with pytest.raises(UsageError, match="'age'"):
        read(root, target="age")


def test_what_is_not_class_folders(class_folders: Writer, tmp_path: Path) -> None:
    root = class_folders({"images": 3})
    assert detects(root) == 0.2
    assert detects(root / "images") == 0
    assert detects(root / "images/000.png") == 0
    assert detects(tmp_path / "missing") == 0
