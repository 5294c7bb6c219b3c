"""Unlabelled and unpaired images, and tables with several labels an image."""

from __future__ import annotations

import pytest

from phoropter.core.errors import InputError, UsageError
from phoropter.data.open import open_dataset
from phoropter.data.split import make_split
from phoropter.data.table_targets import separator_of


@pytest.fixture
def images(tmp_path, paint):
    def painted(*names):
        for seed, name in enumerate(names):
            paint(tmp_path / name, seed=seed)
        return tmp_path

    return painted


def test_two_sets_by_their_names(images):
    root = images(
        *[f"{half}/{n}.png" for half in ("trainA", "trainB", "testA", "testB") for n in range(3)]
    )
    (root / "trainA" / "x.txt").write_text("no")
    (root / "README.md").write_text("yes")
    dataset = open_dataset(root)
    assert (dataset.layout, dataset.task, dataset.targets) == ("unpaired", "unpaired", ("domain",))
    assert dataset.table.group_by("domain", "part").len().sort("domain", "part").rows() == [
        ("A", "test", 3), ("A", "train", 3), ("B", "test", 3), ("B", "train", 3),
    ]  # fmt: skip
    assert [item.path for item in dataset.rejected] == ["trainA/x.txt"]
    assert dataset.description == (
        "two sets of images without pairs, 6 of A, 6 of B, given parts: train, test"
    )


def test_two_folders_by_choice(images):
    root = images(*[f"{kind}/{n}.png" for kind in ("summer", "winter") for n in range(4)])
    assert open_dataset(root).layout == "folders"
    chosen = open_dataset(root, layout="unpaired")
    assert chosen.table["domain"].to_list() == ["summer"] * 4 + ["winter"] * 4
    assert "each set divided alike" in make_split(chosen).reasons[0]
    images("autumn/1.png")
    with pytest.raises(InputError, match="3 folders of images, not two"):
        open_dataset(root, layout="unpaired")


def test_images_without_labels(images):
    root = images("1.png", "2.png", "deeper/3.png", "4.png")
    (root / "notes.txt").write_text("no")
    dataset = open_dataset(root, layout="unlabelled")
    assert dataset.table["path"].to_list() == ["1.png", "2.png", "4.png", "deeper/3.png"]
    assert [item.path for item in dataset.rejected] == ["notes.txt"]
    assert set(make_split(dataset).table["part"]) == {"train", "val", "test"}
    with pytest.raises(UsageError, match="nothing says"):
        open_dataset(root, layout="unlabelled", target="label")


def test_several_labels_in_a_cell(images):
    root = images(*[f"{n}.png" for n in range(5)])
    cells = ["cat|dog", "dog", "cat", "bird|cat|dog", "bird"]
    rows = [f"{n}.png,{cell}" for n, cell in enumerate(cells)]
    (root / "a.csv").write_text("path,label\n" + "\n".join(rows))
    dataset = open_dataset(root)
    assert dataset.task == "multilabel"
    assert dataset.table["label"].to_list()[0] == ["cat", "dog"]
    assert dataset.description == (
        "table a.csv, target label (3 labels, several a sample), 5 images"
    )


def test_a_column_of_flags_for_each_label(images):
    root = images(*[f"{n}.png" for n in range(4)])
    (root / "a.csv").write_text("path,cat,dog\n0.png,1,0\n1.png,1,1\n2.png,0,0\n3.png,0,x\n")
    with pytest.raises(UsageError, match="does not say"):
        open_dataset(root)
    (root / "a.csv").write_text("path,cat,dog\n0.png,1,0\n1.png,1,1\n2.png,0,0\n3.png,0,1\n")
    dataset = open_dataset(root)
    assert dataset.table["labels"].to_list() == [["cat"], ["cat", "dog"], [], ["dog"]]
    assert open_dataset(root, target="cat,dog").task == "multilabel"
    assert open_dataset(root, target="cat").task == "classification"


@pytest.mark.parametrize(
    ("cells", "separator"),
    [
        (["a|b", "a", "b|c"], "|"),
        (["a; b", "a", "b; c; a"], ";"),
        (["a,b", "a", "b,c"], ","),
        (["haze road", "haze", "road water haze", "water"], " "),
        (['["a"]', "[]", '["a", "b"]'], "json"),
        (["hot dog", "ice cream"], ""),
        (["white cat", "black cat", "white dog", "black dog"], ""),
        (["Rome, Italy", "Paris, France", "Rome"], ""),
        (["a", "b"], ""),
        ([], ""),
    ],
)
def test_what_separates_labels(cells, separator):
    assert separator_of(cells) == separator
