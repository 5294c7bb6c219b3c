from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phoropter.core.errors import InputError
from phoropter.data.parts import part_of
from phoropter.data.table_file import read_table
from phoropter.data.table_text import LONGEST_CELL, decoded


@given(st.text())
def test_utf8_is_read_back(text: str) -> None:
    assert decoded(text.encode("utf-8")) == text.removeprefix("\ufeff")


@given(st.binary())
def test_any_bytes_become_text(content: bytes) -> None:
    assert isinstance(decoded(content), str)


def test_korean_and_western_are_told_apart() -> None:
    assert decoded("파일,고양이".encode("cp949")) == "파일,고양이"
    assert decoded("naïve Œuvre – señor".encode("cp1252")) == "naïve Œuvre – señor"


def test_quotes_ragged_rows_and_line_numbers(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('\ufeffx,"y, z",x\n"two\nlines",1,2,3\n\n,,\nshort\n')
    table = read_table(path)
    assert table.cells.columns == ["x", "y, z", "x (column 3)"]
    assert table.cells.rows() == [("two\nlines", "1", "2"), ("short", "", "")]
    assert table.lines == (2, 6)
    assert not table.decimal_comma


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "empty"),
        (b"a,b\n", "no rows"),
        (b"a,b\n" + b"x" * (LONGEST_CELL + 1), "no sound table: line 2"),
    ],
)
def test_unusable_tables(tmp_path: Path, content: bytes, problem: str) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    with pytest.raises(InputError, match=problem):
        read_table(path)


def test_no_parquet(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    path.write_bytes(b"no")
    with pytest.raises(InputError, match="Parquet"):
        read_table(path)


def test_missing_table(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="Cannot read"):
        read_table(tmp_path / "a.csv")


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("train", "train"),
        ("Training", "train"),
        ("val", "val"),
        ("valid", "val"),
        ("VALIDATION", "val"),
        ("dev", "val"),
        ("test", "test"),
        ("test_shifted", "test"),
        ("test-2", "test"),
        (" Test set ", "test"),
        ("train2017", "train"),
        ("trainer", None),
        ("trainA", None),
        ("contest", None),
        ("tests2x", None),
        ("value", None),
        ("2", None),
        ("", None),
    ],
)
def test_part_names(name: str, part: str | None) -> None:
    assert part_of(name) == part
