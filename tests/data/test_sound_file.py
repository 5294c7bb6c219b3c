from __future__ import annotations

import os
from pathlib import Path

import polars as pl
import pytest

from phoropter.core.errors import InputError
from phoropter.data import sound_file
from phoropter.data.sound_file import check_sound, read_binary

FRAME = pl.DataFrame({"a": [1, 2], "b": ["x", None]})


@pytest.mark.parametrize("kind", ["parquet", "ipc", "ipc_stream"])
def test_sound_tables_come_back_and_damaged_ones_are_refused(tmp_path: Path, kind) -> None:
    path = tmp_path / "a.bin"
    getattr(FRAME, f"write_{kind}")(path)
    assert read_binary(path, kind).equals(FRAME)
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(InputError, match="cannot be read as a"):
        read_binary(path, kind)


def test_what_ends_the_other_process_does_not_end_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.parquet"
    FRAME.write_parquet(path)
    monkeypatch.setattr(sound_file, "_READ", "import os; os.abort()")
    with pytest.raises(InputError, match="it is damaged"):
        check_sound(path, "parquet")


def test_a_file_is_tried_once_for_each_of_its_states(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.parquet"
    FRAME.write_parquet(path)
    check_sound(path, "parquet")
    monkeypatch.setattr(sound_file, "_READ", "import sys; print('read again'); sys.exit(3)")
    check_sound(path, "parquet")
    os.utime(path, ns=(0, 0))
    with pytest.raises(InputError, match="read again"):
        check_sound(path, "parquet")


def test_endless_reading_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.parquet"
    FRAME.write_parquet(path)
    monkeypatch.setattr(sound_file, "_READ", "import time; time.sleep(30)")
    monkeypatch.setattr(sound_file, "SECONDS", 0.3)
    with pytest.raises(InputError, match="does not come to an end"):
        check_sound(path, "parquet")
    with pytest.raises(InputError, match="Cannot read"):
        check_sound(tmp_path / "no.parquet", "parquet")
