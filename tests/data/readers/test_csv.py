from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from phoropter.core.errors import InputError, UsageError
from phoropter.core.records import Dataset
from phoropter.data.readers.csv import detects, read

Painter = Callable[..., Path]
Writer = Callable[..., Path]


@pytest.fixture
def table(tmp_path: Path, paint: Painter) -> Writer:
    """Writes images 0.png ... and a table; `{}` cells are filled with the image's name."""

    def written(
        text: str, *, count: int = 4, name: str = "data.csv", images: str = "images"
    ) -> Path:
        root = tmp_path / "set"
        for number in range(count):
            paint(root / images / f"{number}.png", seed=number)
        (root / name).write_bytes(text.encode())
        return root

    return written


def reasons(dataset: Dataset) -> dict[str, str]:
    return {item.path: item.reason for item in dataset.rejected}


def test_path_and_label(table: Writer) -> None:
    root = table(
        "path,label\nimages/0.png,cat\nimages/1.png,dog\nimages/2.png,cat\nimages/3.png,dog"
    )
    for given in (root, root / "data.csv"):
        dataset = read(given, target=None)
        assert dataset.task == "classification"
        assert dataset.targets == ("label",)
        assert dataset.table["label"].to_list() == ["cat", "dog", "cat", "dog"]
        assert dataset.table["id"].to_list() == [f"images/{n}.png" for n in range(4)]
        assert dataset.root == root
        assert dataset.rejected == ()
    assert read(root, target=None).name == "set"
    assert read(root / "data.csv", target=None).name == "data"
    assert dataset.description == "table data.csv, target label (2 classes), 4 images"


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_delimiters_and_encodings(table: Writer, delimiter: str, encoding: str) -> None:
    root = table("")
    lines = ["file , class ", "0.png,Café", " 1.png , Café", "2.png,thé", "3.png,thé", ",", ""]
    text = "\r\n".join(lines).replace(",", delimiter)
    (root / "data.csv").write_bytes(text.encode(encoding))
    dataset = read(root, target=None)
    assert dataset.targets == ("class",)
    assert dataset.table["class"].to_list() == ["Café", "Café", "thé", "thé"]


@pytest.mark.parametrize("header", ["filename", "IMG", "Image Path", "image_id", "center"])
def test_path_column_by_name_or_content(table: Writer, header: str) -> None:
    root = table(f"{header},label\n0.png,a\n1.png,a\n2.png,b\n3.png,b")
    assert read(root, target=None).table["path"][0] == "images/0.png"


def test_files_are_found_though_written_differently(table: Writer) -> None:
    cells = ["IMAGES/0.PNG", "1", "images\\2.png", "C:\\Users\\me\\pictures\\3.png", "/far/4.png"]
    root = table(
        "path,label\n" + "".join(f"{cell},{n % 2}\n" for n, cell in enumerate(cells)), count=5
    )
    dataset = read(root, target=None)
    assert dataset.table["path"].to_list() == [f"images/{n}.png" for n in range(5)]
    (root / "data.csv").write_text(f"path,label\n{root}/images/0.png,1\n1.png,0\n")
    assert read(root, target=None).table["path"].to_list() == ["images/0.png", "images/1.png"]


def test_paths_do_not_leave_the_root(table: Writer, paint: Painter) -> None:
    root = table("")
    paint(root.parent / "secret.png")
    paint(root.parent / "else" / "1.png")
    cells = ["../secret.png", f"{root.parent}/secret.png", "images/../../secret.png", "/etc/passwd"]
    cells += ["..\\secret.png", "C:\\secret.png", "//server/secret.png"]
    rows = [f"{cell},a" for cell in cells] + [f"{n}.png,{'ab'[n % 2]}" for n in range(4)] * 2
    (root / "data.csv").write_text("path,label\n" + "\n".join(rows))
    dataset = read(root, target="label")
    assert len(dataset) == 4
    assert {cell: reasons(dataset)[cell].partition(": ")[2] for cell in cells} == dict.fromkeys(
        cells, "the path leads out of the data folder"
    )


def test_ambiguous_name_is_rejected(table: Writer, paint: Painter) -> None:
    root = table("path,label\n0.png,a\n1.png,b\n2.png,b")
    paint(root / "other" / "0.png")
    assert "2 files fit" in reasons(read(root, target=None))["0.png"]


def test_numbers_make_regression(table: Writer) -> None:
    root = table("path,angle\n0.png,0.5\n1.png,-3\n2.png,1e2\n3.png,7")
    dataset = read(root, target=None)
    assert dataset.task == "regression"
    assert dataset.targets == ("angle",)
    assert dataset.table["angle"].to_list() == [0.5, -3, 100, 7]


def test_bad_rows_are_listed_with_line_and_reason(table: Writer) -> None:
    bad = {
        "1.png": ("", "the target 'angle' is missing"),
        "2.png": ("NaN", "the target 'angle' is missing"),
        "3.png": ("unknown", "the target 'unknown' is not a number"),
        "4.png": ('"0,5"', "the target '0,5' is not a number; write numbers with a decimal point"),
        "5.png": ("inf", "the target 'inf' is not finite"),
        "missing.png": ("1.5", "there is no such file"),
        "": ("2.5", "no file is named"),
    }
    good = "".join(f"{number}.png,{number}.5\n" for number in range(6, 30))
    rows = "".join(f"{path},{value}\n" for path, (value, _) in bad.items())
    root = table("path,angle\n" + rows + good, count=31)
    dataset = read(root, target=None)
    assert len(dataset) == 24
    found = reasons(dataset)
    for line, (path, (_, reason)) in enumerate(bad.items(), start=2):
        assert found[path or f"line {line}"] == f"line {line}: {reason}"
    assert found["images/0.png"] == found["images/30.png"] == "data.csv has no row for it"
    kinds = {item.path: item.kind for item in dataset.rejected}
    assert kinds["images/0.png"] == "unlisted"
    assert kinds["missing.png"] == "unusable"


def test_decimal_commas_where_semicolons_separate(table: Writer) -> None:
    root = table("path;y\n0.png;0,5\n1.png;1,25\n2.png;-3\n3.png;4.5")
    assert read(root, target=None).table["y"].to_list() == [0.5, 1.25, -3, 4.5]


def test_repeated_and_contradicting_rows(table: Writer) -> None:
    root = table("path,angle\n0.png,1.5\n1.png,2.5\n0.png,1.5\n1.png,9.5")
    dataset = read(root, target=None)
    assert dict(dataset.table.select("id", "angle").iter_rows()) == {
        "images/0.png": 1.5,
        "images/1.png": 2.5,
        "images/1.png#line5": 9.5,
    }
    assert dataset.table["path"].to_list()[1:] == ["images/1.png"] * 2
    assert reasons(dataset)["0.png"] == "line 4: repeats an earlier row"


def test_few_whole_numbers_are_classes(table: Writer) -> None:
    root = table("path,grade\n0.png,1\n1.png,2.0\n2.png,1.0\n3.png,02")
    dataset = read(root, target=None)
    assert dataset.task == "classification"
    assert dataset.table["grade"].to_list() == ["1", "2", "1", "02"]


def test_many_whole_numbers_are_quantities_unless_they_are_called_labels(table: Writer) -> None:
    for name, task in (("count", "regression"), ("label", "classification")):
        rows = "".join(f"{n}.png,{n % 25}\n" for n in range(150))
        root = table(f"path,{name}\n{rows}", count=150)
        assert read(root, target=None).task == task


def test_groups_and_parts(table: Writer) -> None:
    root = table(
        "path,label,Patient ID,Split\n"
        "0.png,a,p1,TRAIN\n1.png,b,p1,valid\n2.png,a,,test\n3.png,b,p2,"
    )
    frame = read(root, target=None).table
    assert frame["group"].to_list() == ["p1", "p1", None, "p2"]
    assert frame["part"].to_list() == ["train", "val", "test", None]
    assert frame["part_name"].to_list() == ["TRAIN", "valid", "test", None]


def test_set_column_that_holds_no_parts_is_a_candidate(table: Writer) -> None:
    root = table("path,set\n0.png,red\n1.png,blue\n2.png,red\n3.png,blue")
    assert read(root, target=None).targets == ("set",)


@pytest.mark.parametrize("name", ["angles.csv", "angle.csv", "my-Angle-table.csv"])
def test_target_named_like_the_file(table: Writer, name: str) -> None:
    root = table("path,digit,angle\n0.png,1,0.5\n1.png,2,1.5\n2.png,1,2.5", name=name)
    assert read(root, target=None).targets == ("angle",)


def test_target_named_like_the_folder(tmp_path: Path, paint: Painter) -> None:
    root = tmp_path / "steering"
    for number in range(3):
        paint(root / f"{number}.png", seed=number)
    (root / "log.csv").write_text("c,steering,speed\n0.png,0.5,1\n1.png,1.5,2\n2.png,2.5,3")
    assert read(root, target=None).targets == ("steering",)


def test_row_numbers_are_no_target(table: Writer) -> None:
    root = table(",filename,steering \n0,0.png,0.5\n1,1.png,1.5\n2,2.png,2.5")
    assert read(root, target=None).targets == ("steering",)


def test_unclear_target_names_the_candidates(table: Writer) -> None:
    root = table("path,width,height\n0.png,1.5,2\n1.png,1,3")
    with pytest.raises(UsageError, match="width, height") as caught:
        read(root, target=None)
    assert "--target" in caught.value.hint
    assert read(root, target="height").targets == ("height",)
    both = read(root, target="width, height")
    assert both.targets == ("width", "height")
    assert both.task == "regression"
    assert both.table.select("width", "height").rows() == [(1.5, 2), (1, 3)]


def test_target_that_is_not_there(table: Writer) -> None:
    root = table("path,angle\n0.png,1.5\n1.png,2.5")
    with pytest.raises(UsageError, match="no column 'angel'") as caught:
        read(root, target="angel")
    assert caught.value.hint == "Did you mean 'angle'?"
    with pytest.raises(UsageError, match="holds the paths"):
        read(root, target="path")


def test_several_targets_must_be_numbers(table: Writer) -> None:
    root = table("path,a,b\n0.png,1.5,x\n1.png,2.5,y")
    with pytest.raises(UsageError, match="'b' holds 'x'"):
        read(root, target="a,b")


def test_column_with_a_comma_in_its_name(table: Writer) -> None:
    root = table('path,"size, mm",other\n0.png,1.5,2\n1.png,2.5,3')
    assert read(root, target="size, mm").targets == ("size, mm",)


def test_no_column_to_predict(table: Writer) -> None:
    root = table("path\n0.png\n1.png")
    with pytest.raises(UsageError, match="no column to predict"):
        read(root, target=None)


def test_table_without_images(table: Writer) -> None:
    with pytest.raises(InputError, match=r"for example 'x\.png'"):
        read(table("path,label\nx.png,a\ny.png,b"), target=None)
    with pytest.raises(InputError, match=r"No column .* paths"):
        read(table("age,fare\n30,40\n50,60"), target=None)


def test_several_tables(table: Writer) -> None:
    root = table("path,label\n0.png,a\n1.png,b")
    (root / "other.csv").write_text("path,label\n2.png,a\n3.png,b")
    with pytest.raises(UsageError, match=r"data\.csv, other\.csv"):
        read(root, target=None)
    assert len(read(root / "other.csv", target=None)) == 2


def test_folder_without_a_table(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no table"):
        read(tmp_path, target=None)


def test_parquet(table: Writer) -> None:
    root = table("", name="notes.txt")
    pl.DataFrame({"path": ["0.png", "1.png"], "value": [0.25, None]}).write_parquet(
        root / "data.parquet"
    )
    dataset = read(root, target=None)
    assert dataset.table["value"].to_list() == [0.25]
    assert "missing" in reasons(dataset)["1.png"]


def test_hidden_images_keep_their_reason(table: Writer, paint: Painter) -> None:
    root = table("path,label\nimages/.x.png,a\n0.png,b\n1.png,a")
    paint(root / "images" / ".x.png")
    assert "starts with a dot" in reasons(read(root, target=None))["images/.x.png"]


def test_detects(table: Writer, class_folders: Callable[[dict[str, int]], Path]) -> None:
    root = table("path,label\n0.png,a")
    assert detects(root) == 0.8
    assert detects(root / "data.csv") == 1.0
    assert detects(root / "images" / "0.png") == 0
    assert detects(root / "images") == 0
    folders = class_folders({"cat": 1, "dog": 1})
    (folders / "metadata.csv").write_text("a,b\n1,2")
    assert detects(folders) == 0
    (folders / "metadata.csv").write_text("a,b\ncat/000.png,2")
    assert 0 < detects(folders) < 0.6
    (root.parent / "bare").mkdir()
    (root.parent / "bare" / "x.csv").write_text("a,b\n1,2")
    assert detects(root.parent / "bare") == 0
