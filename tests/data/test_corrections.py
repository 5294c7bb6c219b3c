from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phoropter.core.errors import CorruptFileError, NothingUsableError, UsageError
from phoropter.core.records import Dataset
from phoropter.data.corrections import (
    DROP,
    Correction,
    corrected,
    read_corrections,
    relabelled,
    renewed,
    write_corrections,
)


def data(labels="aabbcc", task="classification"):
    names = [f"{label}/{number}.png" for number, label in enumerate(labels)]
    table = pl.DataFrame(
        {
            "id": names,
            "path": names,
            "label": list(labels),
            "part": pl.Series([None] * len(names), dtype=pl.String),
        }
    )
    return Dataset("x", Path("/x"), "folders", "", task, ("label",), table)


words = (
    st.text(st.characters(blacklist_categories=("Cs", "Cc")), min_size=1, max_size=20)
    .map(str.strip)
    .filter(bool)
)


@given(
    lines=st.lists(
        st.builds(
            Correction,
            path=words,
            problem=words,
            suggestion=st.just(DROP) | words.map(relabelled),
            accepted=st.booleans(),
        )
    )
)
def test_what_is_written_is_read_back(tmp_path_factory, lines):
    path = tmp_path_factory.mktemp("issues") / "issues.csv"
    write_corrections(path, lines)
    assert read_corrections(path) == tuple(lines)


def test_without_a_file_there_is_nothing_to_correct(tmp_path):
    assert read_corrections(tmp_path / "issues.csv") == ()


def test_accepted_lines_are_carried_out_and_nothing_else():
    dataset = data()
    fixed = corrected(
        dataset,
        [
            Correction("a/0.png", "a copy", DROP, accepted=True),
            Correction("a/1.png", "a copy", DROP),
            Correction("b/2.png", "looks like c", relabelled("c"), accepted=True),
            Correction("gone.png", "not there any more", DROP, accepted=True),
        ],
    )
    assert dict(fixed.table.select("id", "label").iter_rows()) == {
        "a/1.png": "a", "b/2.png": "c", "b/3.png": "b", "c/4.png": "c", "c/5.png": "c",
    }  # fmt: skip
    assert [(lost.path, lost.reason, lost.kind) for lost in fixed.rejected] == [
        ("a/0.png", "left out as you accepted: a copy", "unusable")
    ]
    assert len(fixed) + len(fixed.rejected) == len(dataset)
    assert dataset.table["label"].to_list() == list("aabbcc")


def test_a_label_that_is_no_class():
    with pytest.raises(UsageError, match=r"'d' accepted for 'a/0\.png'"):
        corrected(data(), [Correction("a/0.png", "?", relabelled("d"), accepted=True)])


def test_labels_of_numbers_cannot_be_set():
    with pytest.raises(UsageError, match="task is regression"):
        corrected(
            data(task="regression"), [Correction("a/0.png", "?", relabelled("b"), accepted=True)]
        )


def test_dropping_all_but_one_class():
    every = [Correction(name, "?", DROP, accepted=True) for name in data("aab").table["id"][:2]]
    with pytest.raises(NothingUsableError, match="only one class"):
        corrected(data("aab"), every)


def test_answers_outlive_a_second_look():
    known = (
        Correction("a", "a copy", DROP, accepted=True),
        Correction("b", "a copy", DROP),
        Correction("mine", "I saw it", relabelled("x"), accepted=True),
    )
    proposed = (Correction("b", "a copy", DROP), Correction("c", "new", DROP))
    assert renewed(proposed, known) == (known[0], known[2], *proposed)
    assert renewed((Correction("a", "still a copy", DROP),), known[:1]) == known[:1]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("path,problem,suggestion,accept\na,p,drop,maybe\n", "line 2: accept is 'maybe'"),
        ("path,problem,suggestion,accept\na,p,drop,y\nb,p,delete,y\n", "line 3.*'delete'"),
        ("path,problem\na,p\n", "cannot be read"),
        ("", "cannot be read"),
    ],
)
def test_a_damaged_table_is_told(tmp_path, text, message):
    path = tmp_path / "issues.csv"
    path.write_text(text)
    with pytest.raises(CorruptFileError, match=message):
        read_corrections(path)


@pytest.mark.parametrize(
    ("word", "accepted"), [("Y", True), (" yes ", True), ("", False), ("No", False)]
)
def test_words_people_write(tmp_path, word, accepted):
    path = tmp_path / "issues.csv"
    path.write_text(f"path,problem,suggestion,accept\na,p,drop,{word}\n")
    assert [item.accepted for item in read_corrections(path)] == [accepted]
