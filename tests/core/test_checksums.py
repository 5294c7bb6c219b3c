import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phoropter.core.checksums import check_unchanged, checksums, read_record, write_record
from phoropter.core.errors import CorruptFileError

VALUES = {"text": "ü", "numbers": [1, 2.5, 1e-300, None], "nested": {"b": True, "a": {}}}


def test_a_record_comes_back_without_its_checksum(tmp_path):
    write_record(tmp_path / "r.json", {**VALUES, "nothing": math.nan})
    assert read_record(tmp_path / "r.json") == {**VALUES, "nothing": None}


def test_a_record_of_an_older_version_is_believed(tmp_path):
    (tmp_path / "r.json").write_text(json.dumps(VALUES))
    assert read_record(tmp_path / "r.json") == VALUES


@pytest.mark.parametrize("content", ["[1, 2]", "{", "", "3", '{"a": 1, "checksum": 3}'])
def test_what_is_no_record_is_refused(tmp_path, content):
    (tmp_path / "r.json").write_text(content)
    with pytest.raises(CorruptFileError, match="damaged"):
        read_record(tmp_path / "r.json")


@given(place=st.integers(0, 10**6), digit=st.sampled_from(b'0123456789abc{}",'))
def test_another_character_is_seen_or_says_the_same(tmp_path_factory, place, digit):
    path = tmp_path_factory.mktemp("records") / "r.json"
    write_record(path, VALUES)
    content = bytearray(path.read_bytes())
    content[place % len(content)] = digit
    path.write_bytes(content)
    try:
        values = read_record(path)
    except CorruptFileError:
        return
    # Either nothing that is said has changed, or it is the name of the checksum that was hit.
    assert {name: values[name] for name in VALUES} == VALUES


def test_files_are_compared_with_their_checksums(tmp_path):
    (tmp_path / "a").write_text("1")
    (tmp_path / "b").write_text("2")
    sums = checksums(tmp_path, ["a", "b", "missing"])
    assert sorted(sums) == ["a", "b"]
    check_unchanged(tmp_path, sums, ["a", "b", "missing"], hint="")
    (tmp_path / "b").write_text("3")
    check_unchanged(tmp_path, sums, ["a"], hint="")
    with pytest.raises(CorruptFileError, match=r"b' has changed") as failed:
        check_unchanged(tmp_path, sums, ["a", "b"], hint="Do so.")
    assert failed.value.hint == "Do so."
    (tmp_path / "a").unlink()
    with pytest.raises(CorruptFileError, match="is missing"):
        check_unchanged(tmp_path, sums, ["a"], hint="")
