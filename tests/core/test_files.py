import errno
import json
import math
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from phoropter.core.errors import CorruptFileError, StorageError
from phoropter.core.files import (
    plain,
    read_json,
    storage_errors,
    whole_file,
    write_json,
    write_text,
)


def test_a_file_is_written_with_its_folders_and_nothing_is_left_beside_it(tmp_path):
    path = tmp_path / "a" / "b" / "c.txt"
    write_text(path, "Grüße, 안녕\n")
    assert path.read_text("utf-8") == "Grüße, 안녕\n"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("failure", [ValueError("no"), KeyboardInterrupt(), OSError(5, "io")])
def test_a_failure_inside_the_block_leaves_the_old_content(tmp_path, failure):
    path = tmp_path / "x"
    write_text(path, "old")

    def write():
        with whole_file(path) as partial:
            partial.write_text("half of the n")
            raise failure

    with pytest.raises(type(failure)):
        write()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_until_the_block_ends_the_old_content_is_there(tmp_path):
    path = tmp_path / "x"
    write_text(path, "old")
    with whole_file(path) as partial:
        partial.write_text("new")
        assert partial.parent == path.parent
        assert path.read_text() == "old"
    assert path.read_text() == "new"


def _raising(number):
    def fail(*_args, **_options):
        raise OSError(number, os.strerror(number))

    return fail


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
@pytest.mark.parametrize(
    ("owner", "name"), [(Path, "replace"), (os, "fsync"), (Path, "write_text")]
)
def test_a_full_disk_is_one_clear_line_and_the_old_file_stays(
    tmp_path, monkeypatch, owner, name, number
):
    path = tmp_path / "x.json"
    write_text(path, "old")
    with monkeypatch.context() as patched:
        patched.setattr(owner, name, _raising(number))
        with pytest.raises(StorageError) as caught:
            write_text(path, "new")
    assert str(path) in caught.value.message
    assert "space" in caught.value.message
    assert caught.value.hint
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_at_the_first_byte(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.mkstemp", _raising(errno.ENOSPC))
    with pytest.raises(StorageError):
        write_text(tmp_path / "x", "new")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [errno.EACCES, errno.EPERM, errno.EROFS])
def test_a_place_that_cannot_be_written(tmp_path, monkeypatch, number):
    monkeypatch.setattr(Path, "replace", _raising(number))
    with pytest.raises(StorageError, match="Cannot write") as caught:
        write_text(tmp_path / "x", "new")
    assert "--project" in caught.value.hint


def test_a_file_where_a_folder_should_be(tmp_path):
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file" / "x", tmp_path / "file" / "deeper" / "x"):
        with pytest.raises(StorageError, match="file"):
            write_text(path, "new")


def test_a_folder_where_a_file_should_be(tmp_path):
    (tmp_path / "folder" / "inside").mkdir(parents=True)
    with pytest.raises(StorageError, match="folder"):
        write_text(tmp_path / "folder", "new")
    assert [item.name for item in tmp_path.iterdir()] == ["folder"]


def test_a_name_that_is_too_long(tmp_path):
    with pytest.raises(StorageError):
        write_text(tmp_path / ("x" * 300), "new")


def test_other_complaints_pass_unchanged():
    with pytest.raises(OSError, match="broken") as caught, storage_errors(Path("x")):
        raise OSError(errno.EIO, "broken")
    assert not isinstance(caught.value, StorageError)


@dataclass(frozen=True)
class Nested:
    number: float
    inside: object = None


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
numbers = (
    arrays.arrays(np.float32, arrays.array_shapes(max_dims=3, max_side=3))
    | st.floats(width=32).map(np.float32)
    | st.floats().map(np.float64)
    | st.booleans().map(np.bool_)
    | st.integers(-5, 5).map(np.int64)
)
values = st.recursive(
    scalars | numbers,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text(max_size=3) | st.integers(), inner, max_size=3)
        | st.builds(Nested, st.floats(), inner)
    ),
    max_leaves=8,
)


@given(values)
def test_plain_values_are_json_without_nan(value):
    text = json.dumps(plain(value), allow_nan=False)
    assert json.loads(text) == plain(value)
    assert plain(plain(value)) == plain(value)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_finite_numbers_come_back_bit_by_bit(number):
    assert json.loads(json.dumps(plain(np.float64(number)))) == number


def test_what_becomes_of_each_kind():
    assert plain(Nested(math.inf, {"a": (np.float32("nan"), Path("b"))})) == {
        "number": None,
        "inside": {"a": [None, "b"]},
    }
    assert plain(np.array(3)) == 3
    assert sorted(plain({1, 2})) == [1, 2]
    for stranger in (object(), b"bytes", Nested, 1j):
        with pytest.raises(TypeError, match="no JSON form"):
            plain(stranger)


def test_json_is_written_and_read(tmp_path):
    path = tmp_path / "x.json"
    write_json(path, {"a": [1.5, float("nan")], "ä": "안"})
    assert read_json(path) == {"a": [1.5, None], "ä": "안"}
    with pytest.raises(TypeError):
        write_json(path, {"a": object()})
    assert read_json(path) == {"a": [1.5, None], "ä": "안"}


@pytest.mark.parametrize("content", [b"", b'{"a": 1', b"\xff\xfe{}", b"[1, 2]]"])
def test_damaged_json_is_told(tmp_path, content):
    path = tmp_path / "x.json"
    path.write_bytes(content)
    with pytest.raises(CorruptFileError) as caught:
        read_json(path)
    assert str(path) in caught.value.message


def _torch(path, numbers):
    import torch

    torch.save({"a": torch.from_numpy(numbers)}, path)


def _safetensors(path, numbers):
    from safetensors.numpy import save_file

    save_file({"a": numbers}, path)


def _numpy(path, numbers):
    with path.open("wb") as file:
        np.save(file, numbers)


def _zipped(path, numbers):
    with path.open("wb") as file:
        np.savez(file, a=numbers)


def _parquet(path, numbers):
    pl.DataFrame({"a": numbers}).write_parquet(path)


@pytest.mark.skipif(os.name == "nt", reason="has no such limit")
@pytest.mark.parametrize("write", [_torch, _safetensors, _numpy, _zipped, _parquet])
def test_every_library_that_finds_no_room_ends_in_the_same_words(write, tmp_path):
    import resource

    path = tmp_path / "x"
    write_text(path, "old")
    numbers = np.random.default_rng(0).normal(size=20_000)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, before[1]))
    try:
        with pytest.raises(StorageError, match="Cannot write"), whole_file(path) as partial:
            write(partial, numbers)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_failure_that_is_not_the_disks_stays_what_it_is(tmp_path):
    def write():
        with whole_file(tmp_path / "x"):
            raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        write()
    assert list(tmp_path.iterdir()) == []
