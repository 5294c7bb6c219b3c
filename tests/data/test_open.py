from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from phoropter.core.errors import InputError, NothingUsableError, UsageError
from phoropter.data.open import open_dataset, place_of

Writer = Callable[[Mapping[str, int]], Path]
Painter = Callable[..., Path]


def test_folders_and_tables_by_content(class_folders: Writer, paint: Painter) -> None:
    root = class_folders({"cat": 2, "dog": 2})
    assert open_dataset(root).layout == "folders"
    (root / "list.csv").write_text("path,size\ncat/000.png,1.5\ndog/000.png,2.5")
    assert open_dataset(root).layout == "folders"
    assert open_dataset(str(root / "list.csv")).layout == "csv"
    assert open_dataset(root, layout="csv").targets == ("size",)


def test_builtin(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    digits = open_dataset("digits")
    assert (len(digits), digits.name, digits.layout) == (1797, "digits", "folders")
    assert digits.table["label"].n_unique() == 10
    assert digits.rejected == ()


def test_a_path_wins_over_a_builtin_name(
    monkeypatch: pytest.MonkeyPatch, class_folders: Writer
) -> None:
    root = class_folders({"digits/a": 1, "digits/b": 1})
    monkeypatch.chdir(root)
    dataset = open_dataset("digits")
    assert len(dataset) == 2
    assert dataset.root == (root / "digits").resolve()


def test_name_of_the_current_folder(monkeypatch: pytest.MonkeyPatch, class_folders: Writer) -> None:
    monkeypatch.chdir(class_folders({"a": 1, "b": 1}))
    assert open_dataset(".").name == "photos"


def test_what_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="'digit'") as caught:
        open_dataset("digit")
    assert caught.value.hint == "Did you mean 'digits'?"
    (tmp_path / "flowers").mkdir()
    with pytest.raises(InputError) as caught:
        open_dataset(tmp_path / "flower")
    assert caught.value.hint == f"Did you mean {str(tmp_path / 'flowers')!r}?"
    with pytest.raises(InputError) as caught:
        open_dataset("/no/such/place")
    assert caught.value.hint.startswith("Built-in data: blobs, ")
    with pytest.raises(UsageError, match="No data"):
        open_dataset(" ")


def test_folders_that_hold_nothing_to_learn(tmp_path: Path, paint: Painter) -> None:
    with pytest.raises(NothingUsableError, match="is empty") as caught:
        open_dataset(tmp_path)
    assert caught.value.exit_code == 3
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(NothingUsableError, match="no image"):
        open_dataset(tmp_path)


def test_images_of_which_nothing_is_said(tmp_path: Path, paint: Painter) -> None:
    for part in ("train", "test"):
        paint(tmp_path / part / "a.png")
    dataset = open_dataset(tmp_path)
    assert (dataset.layout, dataset.task, dataset.targets) == ("unlabelled", "unlabelled", ())
    assert dataset.table["part"].to_list() == ["test", "train"]
    with pytest.raises(UsageError, match="are for unlabelled"):
        open_dataset(tmp_path, task="regression")


def test_files_that_are_no_table(tmp_path: Path, paint: Painter) -> None:
    with pytest.raises(InputError, match="single image"):
        open_dataset(paint(tmp_path / "a.png"))
    (tmp_path / "a.zip").write_bytes(b"PK")
    with pytest.raises(InputError, match="no table"):
        open_dataset(tmp_path / "a.zip")


def test_one_class(class_folders: Writer) -> None:
    root = class_folders({"cat": 3})
    (root / "cat" / "x.txt").write_text("no")
    with pytest.raises(NothingUsableError, match=r"only one class, 'cat'; 1 rejected.*x\.txt"):
        open_dataset(root)


def test_classes_without_training_images_cannot_take_part(class_folders: Writer) -> None:
    root = class_folders({"train/a": 2, "train/b": 1, "test/a": 1, "test/c": 1})
    dataset = open_dataset(root)
    assert dataset.table["label"].unique(maintain_order=True).to_list() == ["a", "b"]
    assert [(item.path, item.reason, item.kind) for item in dataset.rejected] == [
        ("test/c/000.png", "class 'c' has no training images", "unusable")
    ]


def test_only_a_test_part(class_folders: Writer) -> None:
    root = class_folders({"test/a": 1, "test/b": 1})
    with pytest.raises(NothingUsableError, match="no class with training images"):
        open_dataset(root)


def test_table_without_a_usable_row(tmp_path: Path, paint: Painter) -> None:
    paint(tmp_path / "a.png")
    (tmp_path / "x.csv").write_text("path,label\na.png,\n")
    with pytest.raises(NothingUsableError, match=r"the first: 'a\.png'"):
        open_dataset(tmp_path / "x.csv")


@pytest.fixture
def graded(tmp_path: Path, paint: Painter) -> Path:
    for number in range(4):
        paint(tmp_path / f"{number}.png", seed=number)
    path = tmp_path / "x.csv"
    path.write_text("path,grade,angle\n0.png,1,0.5\n1.png,2,1\n2.png,1,1.25\n3.png,?,1\n")
    return path


def test_task_can_be_forced(graded: Path) -> None:
    values = open_dataset(graded, target="grade", task="regression")
    assert values.task == "regression"
    assert values.table["grade"].to_list() == [1, 2, 1]
    assert values.rejected[0].reason == "the target '?' is not a number"
    classes = open_dataset(graded, target="angle", task="classification")
    assert classes.table["angle"].to_list() == ["0.5", "1", "1.25", "1"]
    assert open_dataset(graded, target="angle", task="regression").task == "regression"


def test_task_that_cannot_be(graded: Path, class_folders: Writer) -> None:
    with pytest.raises(UsageError, match="'clasification'") as caught:
        open_dataset(graded, target="angle", task="clasification")
    assert caught.value.hint == "Did you mean 'classification'?"
    with pytest.raises(UsageError, match="needs numbers, but 'label' holds 'cat'"):
        open_dataset(class_folders({"cat": 1, "dog": 1}), task="regression")


def test_classes_of_several_targets(graded: Path) -> None:
    graded.write_text("path,a,b\n0.png,1.5,2\n1.png,2.5,3")
    with pytest.raises(UsageError, match="one target, got 2: a, b"):
        open_dataset(graded, target="a,b", task="classification")


def test_unknown_layout(class_folders: Writer) -> None:
    with pytest.raises(UsageError, match="Unknown reader 'folder'") as caught:
        open_dataset(class_folders({"a": 1, "b": 1}), layout="folder")
    assert caught.value.hint == "Did you mean 'folders'?"


def test_a_project_called_like_a_builtin_set_does_not_hide_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "iris").mkdir()
    assert place_of("iris") == tmp_path / "iris"
    (tmp_path / "iris" / "project.yaml").write_text("data: iris\n")
    assert place_of("iris") is None
    assert open_dataset("iris").name == "iris"
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "project.yaml").write_text("data: iris\n")
    assert place_of("other") == tmp_path / "other"
