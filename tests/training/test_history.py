import json
import math

import pytest

from phoropter.core.errors import CorruptFileError
from phoropter.training.history import (
    Spent,
    append_history,
    keep_timing,
    read_history,
    write_history,
)


def test_rows_come_back_equal_and_appending_equals_writing(tmp_path, epoch):
    rows = (epoch(0, running_loss=None, lr=0.1 + 0.2), epoch(1, worst_loss=math.inf))
    write_history(tmp_path / "a", rows)
    (tmp_path / "b").mkdir()
    for row in rows:
        append_history(tmp_path / "b", [(row, Spent(1.0, 0.5))])
    assert read_history(tmp_path / "a") == rows
    written = [(tmp_path / name / "history.jsonl").read_bytes() for name in "ab"]
    assert written[0] == written[1]


def test_no_history_is_empty(tmp_path):
    assert read_history(tmp_path) == ()


def test_not_a_number_survives_without_breaking_json(tmp_path, epoch):
    write_history(tmp_path, [epoch(1, running_loss=math.nan)])
    assert "NaN" not in (tmp_path / "history.jsonl").read_text()
    (row,) = read_history(tmp_path)
    assert math.isnan(row.running_loss)


def test_a_line_cut_by_a_kill_is_left_out_but_damage_is_reported(tmp_path, epoch):
    write_history(tmp_path, [epoch(0), epoch(1)])
    path = tmp_path / "history.jsonl"
    path.write_bytes(path.read_bytes()[:-9])
    assert read_history(tmp_path) == (epoch(0),)
    path.write_bytes(b"{]\n" + path.read_bytes())
    with pytest.raises(CorruptFileError, match=r"history\.jsonl"):
        read_history(tmp_path)


def test_timing_is_left_for_the_rows_that_a_resumed_run_does_not_repeat(tmp_path, epoch):
    rows = [epoch(number) for number in range(4)]
    append_history(tmp_path, [(row, Spent(float(row.epoch), 0.0)) for row in rows])
    with (tmp_path / "timing.jsonl").open("a") as file:
        file.write('{"epoch": 4, "st')
    keep_timing(tmp_path, rows[:2])
    append_history(tmp_path, [(rows[2], Spent(9.0, 0.0))])
    lines = (tmp_path / "timing.jsonl").read_text().splitlines()
    assert [json.loads(line)["seconds"] for line in lines] == [0.0, 1.0, 9.0]
    keep_timing(tmp_path / "none", rows)
