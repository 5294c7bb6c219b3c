import polars as pl
import pytest
from PIL import Image

from phoropter.core.errors import UsageError
from phoropter.data.open import open_dataset
from phoropter.data.source_columns import source_column

ROWS = [("a", "x", "d1"), ("b", "y", "d2"), ("c", "x", ""), ("d", "y", "d1")]


def table_of_images(folder, suffix=".csv"):
    folder.mkdir()
    for name, *_ in ROWS:
        Image.new("L", (8, 8)).save(folder / f"{name}.png")
    columns = {
        "file": [f"{name}.png" for name, *_ in reversed(ROWS)],
        "label": [label for _, label, _ in reversed(ROWS)],
        "doctor": [doctor for *_, doctor in reversed(ROWS)],
        "height": [7, 8, 9, 9],
    }
    table = pl.DataFrame(columns)
    if suffix == ".csv":
        table.write_csv(folder / "labels.csv")
    else:
        table.write_parquet(folder / "labels.parquet")
    return folder


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_column_that_the_reader_of_images_did_not_keep(tmp_path, suffix):
    dataset = open_dataset(table_of_images(tmp_path / "shots", suffix))
    assert "doctor" not in dataset.table.columns
    assert dataset.table["path"].to_list() == ["a.png", "b.png", "c.png", "d.png"]
    assert source_column(dataset, "doctor").to_list() == ["d1", "d2", None, "d1"]
    assert source_column(dataset, "label").to_list() == ["x", "y", "x", "y"]
    assert source_column(dataset, "height").to_list() == ["9", "9", "8", "7"]


@pytest.mark.parametrize("name", ["id", "group", "path", "moment"])
def test_any_column_of_texts_whatever_it_is_called(tmp_path, name):
    texts = ["the film was a joy from the first scene on", "I left before it was over, so dull"] * 3
    pl.DataFrame(
        {name: ["u1", "u2", "u1", "u3", None, "u2"], "text": texts, "label": ["good", "bad"] * 3}
    ).write_csv(tmp_path / "reviews.csv")
    dataset = open_dataset(tmp_path / "reviews.csv", layout="text", target="label")
    assert source_column(dataset, name).to_list() == ["u1", "u2", "u1", "u3", None, "u2"]


def test_the_columns_of_several_files(tmp_path):
    for part, start in (("train", 0), ("test", 10)):
        rows = range(start, start + 4)
        columns = {"x": [row / 2 for row in rows], "y": ["p", "q"] * 2, "day": list(rows)}
        if part == "test":
            del columns["day"]
        pl.DataFrame(columns).write_csv(tmp_path / f"{part}.csv")
    dataset = open_dataset(tmp_path, layout="table", target="y")
    assert source_column(dataset, "day").to_list() == ["0", "1", "2", "3", *[None] * 4]


def test_of_folders_only_what_is_in_the_table(tmp_path):
    for number, name in enumerate("abcd"):
        (tmp_path / f"class {number % 2}").mkdir(exist_ok=True)
        Image.new("L", (8, 8)).save(tmp_path / f"class {number % 2}" / f"{name}.png")
    dataset = open_dataset(tmp_path)
    assert source_column(dataset, "label").to_list() == ["class 0", "class 0", "class 1", "class 1"]
    with pytest.raises(UsageError, match="no column 'doctor'"):
        source_column(dataset, "doctor")
    with pytest.raises(UsageError, match="no column 'path'"):
        source_column(dataset, "path")
