"""Texts and tables: what is read, what it is for, and what is left out."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phoropter.core.errors import InputError, UsageError
from phoropter.data.open import open_dataset
from phoropter.data.split import make_split
from phoropter.data.table_text import text_rows

GOOD = ["a really good film", "one more good story", "the best of all films", "well done, you all"]
BAD = ["a really bad film", "one more dull story", "the worst of all films", "badly done by them"]
ROWS = [(text, "good") for text in GOOD] + [(text, "bad") for text in BAD]


def write(path: Path, rows, *, delimiter=",", encoding="utf-8") -> Path:
    path.parent.mkdir(exist_ok=True, parents=True)
    with path.open("w", newline="", encoding=encoding) as file:
        csv.writer(file, delimiter=delimiter).writerows(rows)
    return path


def reasons(dataset):
    return {item.path: item.reason for item in dataset.rejected}


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("header", [[("text", "label")], []])
def test_texts_with_and_without_a_header(tmp_path, delimiter, header):
    dataset = open_dataset(write(tmp_path / "a.csv", [*header, *ROWS], delimiter=delimiter))
    assert (dataset.layout, dataset.modality, dataset.task) == ("text", "text", "classification")
    assert dataset.inputs == ("text" if header else "column 1",)
    assert dataset.table[dataset.inputs[0]].to_list() == [text for text, _ in ROWS]
    assert dataset.table[dataset.targets[0]].to_list() == [label for _, label in ROWS]
    assert dataset.table["id"][0] == f"a.csv#line{2 if header else 1}"
    assert dataset.table["path"].unique().to_list() == ["a.csv"]


@pytest.mark.parametrize(
    ("encoding", "texts"),
    [
        ("cp949", ["오늘 날씨가 좋다", "내일 다시 만나", "어제 힘들었다", "이 영화 좋아"]),
        ("cp1252", ["ça va très bien", "où est le café", "¿qué tal hoy?", "schöne Grüße an dich"]),
        ("utf-16", ["ça va très bien", "오늘 날씨가 참 좋다", "où est le café", "one more line"]),
    ],
)
def test_encodings_are_told(tmp_path, encoding, texts):
    rows = [("text", "label"), *zip(texts, "abab", strict=True)]
    dataset = open_dataset(write(tmp_path / "a.csv", rows, encoding=encoding))
    assert dataset.table["text"].to_list() == texts
    assert f"encoding {encoding}" in dataset.description


def test_quotation_marks_of_tab_separated_texts_are_plain_characters(tmp_path):
    lines = [
        'ham\t"I never said',
        "ham\tthat you did",
        'spam\tWin "gold" now',
        'ham\tno it is not"',
    ]
    (tmp_path / "a.tsv").write_text("\n".join(lines))
    dataset = open_dataset(tmp_path / "a.tsv")
    assert dataset.table["column 2"].to_list() == [line.split("\t")[1] for line in lines]
    (tmp_path / "a.tsv").write_text('label\ttext\nham\t"two\nlines here"\nspam\tone "more" line\n')
    dataset = open_dataset(tmp_path / "a.tsv")
    assert dataset.table["text"].to_list() == ["two\nlines here", 'one "more" line']


def test_questions_answers_and_parts(tmp_path):
    rows = [(text, f"Is it so? {text}", label) for text, label in ROWS]
    write(tmp_path / "train.csv", [("Q", "A", "label"), *rows])
    write(
        tmp_path / "test.csv",
        [("label", "Q", "A"), *[(c, a, b) for a, b, c in rows[:2] + rows[-2:]]],
    )
    write(tmp_path / "notes.csv", [("x", "y"), (1, 2)])
    dataset = open_dataset(tmp_path)
    assert dataset.inputs == ("Q", "A")
    assert dataset.table["part"].to_list() == ["train"] * 8 + ["test"] * 4
    assert dataset.table["digest"].n_unique() == 8
    assert reasons(dataset) == {"notes.csv": "lies beside the parts and is not read"}
    assert "given parts: train, test" in dataset.description


def test_what_texts_lack_is_told_row_by_row(tmp_path):
    rows = [("text", "label"), *ROWS, ("", "good"), ("  ", "bad"), ("who knows what", ""),
            ("one, two", "good", "three")]  # fmt: skip
    dataset = open_dataset(write(tmp_path / "a.csv", rows))
    assert len(dataset) == 8
    assert reasons(dataset) == {
        "a.csv#line10": "the text is empty",
        "a.csv#line11": "the text is empty",
        "a.csv#line12": "the target 'label' is missing",
        "a.csv#line13": "more cells than the 2 columns",
    }


def test_rare_spellings_of_a_label_are_the_common_one(tmp_path):
    rows = [("text", "label"), *ROWS * 20, ("one more of them", "GOOD "), ("two of them", "Bad")]
    dataset = open_dataset(write(tmp_path / "a.csv", rows))
    assert dataset.table["label"].unique().sort().to_list() == ["bad", "good"]
    assert "'Bad' read as 'bad'; 'GOOD' read as 'good'" in dataset.description
    rows = [("text", "label"), *[(text, "Aa"[n % 2]) for n, (text, _) in enumerate(ROWS)]]
    assert open_dataset(write(tmp_path / "b.csv", rows)).table["label"].n_unique() == 2


def test_class_names_from_a_file_beside(tmp_path):
    rows = [(text, 1 + (label == "bad")) for text, label in ROWS]
    write(tmp_path / "a.csv", rows)
    (tmp_path / "classes.txt").write_text("lovely\nawful\n")
    dataset = open_dataset(tmp_path)
    assert dataset.table["column 2"].to_list() == ["lovely"] * 4 + ["awful"] * 4
    assert "class names from classes.txt" in dataset.description


def test_texts_alone_and_texts_with_several_labels(tmp_path):
    alone = open_dataset(write(tmp_path / "a.csv", [("text",), *[(text,) for text, _ in ROWS]]))
    assert (alone.task, alone.targets) == ("unlabelled", ())
    assert set(make_split(alone).table["part"]) == {"train", "val", "test"}
    flags = [(text, n % 2, n // 4) for n, (text, _) in enumerate(ROWS)]
    several = open_dataset(write(tmp_path / "b.csv", [("text", "rude", "long"), *flags]))
    assert (several.task, several.targets) == ("multilabel", ("labels",))
    assert several.table["labels"].to_list()[:2] == [[], ["rude"]]
    lines = [
        json.dumps({"text": text, "tags": ["x", "y"][: n % 3]}) for n, (text, _) in enumerate(ROWS)
    ]
    (tmp_path / "c.jsonl").write_text("\n".join(lines))
    lists = open_dataset(tmp_path / "c.jsonl")
    assert lists.table["tags"].to_list()[:3] == [[], ["x"], ["x", "y"]]


def test_json_lines_that_are_none(tmp_path):
    path = tmp_path / "a.jsonl"
    for content in ('{"text": "a"}\n[1]', '{"text": "a"}\nx', "[" * 5000):
        path.write_text(content)
        with pytest.raises(InputError, match="line "):
            open_dataset(path)


def test_columns_of_a_table_get_types(tmp_path):
    rows = [("id", "size", "kind", "when", "mixed", "label")]
    for n in range(24):
        size, mixed = ("" if n == 3 else n / 4), ("?" if n == 9 else n)
        rows.append((n, size, "xyz"[n % 3], f"2024-01-{n + 1:02d}", mixed, "uv"[n % 2]))
    dataset = open_dataset(write(tmp_path / "a.csv", rows, delimiter=";"))
    assert (dataset.layout, dataset.modality) == ("table", "table")
    assert dataset.inputs == ("id (column)", "size", "kind", "when", "mixed")
    kinds = [dataset.table[name].dtype for name in dataset.inputs]
    assert kinds == [pl.Float64, pl.Float64, pl.String, pl.String, pl.String]
    assert dataset.table["size"].null_count() == 1
    assert dataset.table["id"][0] == "a.csv#line2"


def test_decimal_commas(tmp_path):
    rows = [("size", "y"), *[(f"{n},5", f"{n},25") for n in range(12)]]
    dataset = open_dataset(write(tmp_path / "a.csv", rows, delimiter=";"))
    assert dataset.table["size"].to_list() == [n + 0.5 for n in range(12)]
    assert dataset.task == "regression"


def test_target_of_a_table(tmp_path):
    columns = ("age", "class", "town", "survived")
    rows = [columns, *[(20 + n, n % 3, "ab"[n % 2], n % 2) for n in range(12)]]
    path = write(tmp_path / "ship.csv", rows)
    with pytest.raises(UsageError, match="does not say which column") as caught:
        open_dataset(path)
    assert "--target 'town'" in caught.value.hint  # few different values, unlike an age
    assert open_dataset(path, target="survived").inputs == ("age", "class", "town")
    last = write(tmp_path / "x.csv", [(a, c, d, b) for a, b, c, d in rows])
    assert open_dataset(last).targets == ("class",)
    with pytest.raises(UsageError, match="no column 'survivd'") as caught:
        open_dataset(path, target="survivd")
    assert caught.value.hint == "Did you mean 'survived'?"


def test_grades_that_do_not_count_from_one_are_numbers(tmp_path):
    for low, task in ((3, "regression"), (1, "classification"), (0, "classification")):
        rows = [("size", "y"), *[(n / 7, low + n % 5) for n in range(20)]]
        assert open_dataset(write(tmp_path / "a.csv", rows)).task == task


def test_files_with_the_same_columns_are_read_together(tmp_path):
    rows = [("size", "label"), *[(n / 7, "ab"[n % 2]) for n in range(20)]]
    write(tmp_path / "red.csv", rows)
    write(tmp_path / "white.csv", rows)
    dataset = open_dataset(tmp_path)
    assert len(dataset) == 40
    assert dataset.table["digest"].n_unique() == 20
    parts = dict(make_split(dataset).table.select("id", "part").iter_rows())
    for line in range(2, 22):
        assert parts[f"red.csv#line{line}"] == parts[f"white.csv#line{line}"]
    write(tmp_path / "white.csv", [("size", "other"), (1, 2)])
    with pytest.raises(UsageError, match="2 tables with different columns"):
        open_dataset(tmp_path)


def test_a_test_file_without_target_is_left_out(tmp_path):
    write(tmp_path / "train.csv", [("size", "label"), *[(n / 7, "ab"[n % 2]) for n in range(20)]])
    write(tmp_path / "test.csv", [("size",), *[(n / 7,) for n in range(5)]])
    dataset = open_dataset(tmp_path)
    assert dataset.table["part"].unique().to_list() == ["train"]
    assert reasons(dataset) == {"test.csv": "its 5 rows have no target and are not read"}
    assert dataset.rejected[0].kind == "unlisted"


def test_columns_that_a_data_set_needs_for_itself_are_renamed(tmp_path):
    columns = ("path", "digest", "family", "fixed", "label")
    rows = [columns, *[(f"p{n}", n % 3, "same", n % 4, "ab"[n % 2]) for n in range(20)]]
    dataset = open_dataset(write(tmp_path / "a.csv", rows))
    assert dataset.inputs == tuple(f"{name} (column)" for name in columns[:4])
    assert len(set(make_split(dataset).table["part"])) == 3
    assert open_dataset(tmp_path / "a.csv", target="digest").targets == ("digest (column)",)


def test_group_and_part_columns(tmp_path):
    rows = [("size", "patient", "split", "label")]
    rows += [
        (n / 7, f"p{n // 4}", ["train", "val", "test"][n // 8], "ab"[n % 2]) for n in range(24)
    ]
    dataset = open_dataset(write(tmp_path / "a.csv", rows))
    assert dataset.inputs == ("size",)
    assert dataset.table["group"].n_unique() == 6
    assert dataset.table["part"].to_list() == ["train"] * 8 + ["val"] * 8 + ["test"] * 8


def test_images_with_a_table_stay_images(tmp_path, paint):
    for number in range(4):
        paint(tmp_path / "images" / f"{number}.png", seed=number)
    rows = [("name", "label"), *[(n, "ab"[n % 2]) for n in range(4)]]
    write(tmp_path / "a.csv", rows)
    assert open_dataset(tmp_path).layout == "csv"
    assert open_dataset(tmp_path / "a.csv").layout == "csv"
    assert open_dataset(tmp_path / "a.csv", layout="table").modality == "table"


CELL = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=12).map(str.strip)


@given(st.lists(st.tuples(CELL, CELL, CELL).filter(any), min_size=1, max_size=8))
def test_rows_come_back_from_every_delimiter(rows):
    from io import StringIO

    for delimiter in ",;\t|":
        buffer = StringIO()
        writer = csv.writer(buffer, delimiter=delimiter, quoting=csv.QUOTE_ALL)
        writer.writerow(["one", "two", "three"])
        writer.writerows(rows)
        found = text_rows(buffer.getvalue())
        assert found.delimiter == delimiter
        assert found.rows[1:] == [list(row) for row in rows]
