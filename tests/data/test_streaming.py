"""Decoding ahead changes when an image is read, never what comes out or in which order."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from phoropter.core.errors import InputError
from phoropter.core.records import Preprocessing, Rows
from phoropter.data import streaming
from phoropter.data.memory import MemoryInputs
from phoropter.data.preprocess import read_square
from phoropter.data.streaming import StreamingInputs, in_order

COUNT = 12
ORDER = [np.array(rows, dtype=np.int64) for rows in ([3, 0, 11], [5, 5], [], [1, 2, 4, 6], [7])]


@pytest.fixture
def paths(tmp_path: Path, paint: Callable[..., Path]) -> tuple[Path, ...]:
    return tuple(paint(tmp_path / f"{number}.png", seed=number) for number in range(COUNT))


class Noted:
    """Stands for `read_square`: notes what is read, and holds where it is told to."""

    def __init__(self) -> None:
        self.read: list[str] = []
        self.holds_at = ""
        self.holding, self.may_go_on = threading.Event(), threading.Event()
        self.may_go_on.set()

    def __call__(self, path: Path, preprocessing: Preprocessing) -> np.ndarray:
        self.read.append(path.name)
        if path.name == self.holds_at:
            self.may_go_on.clear()
            self.holding.set()
        assert self.may_go_on.wait(timeout=30)
        return read_square(path, preprocessing)


@pytest.fixture
def noted(monkeypatch: pytest.MonkeyPatch) -> Noted:
    noted = Noted()
    monkeypatch.setattr(streaming, "read_square", noted)
    return noted


@pytest.mark.parametrize("workers", [1, 2, 4])
@pytest.mark.parametrize("ahead", [0, 1, 2, 9])
def test_batches_equal_those_read_one_by_one(
    paths: tuple[Path, ...], small: Preprocessing, workers: int, ahead: int
) -> None:
    inputs = StreamingInputs(paths, small, workers=workers)
    batches = list(in_order(inputs, ORDER, ahead=ahead))
    assert [len(batch) for batch in batches] == [len(rows) for rows in ORDER]
    for batch, rows in zip(batches, ORDER, strict=True):
        assert batch.dtype == torch.uint8
        assert batch.shape[1:] == (3, 8, 8)
        for image, row in zip(batch, rows, strict=True):
            assert np.array_equal(image.numpy(), read_square(paths[row], small))


def test_what_is_in_memory_is_handed_out_in_the_same_order() -> None:
    inputs = MemoryInputs(np.arange(12, dtype=np.float32)[:, None])
    batches = [batch[:, 0].tolist() for batch in in_order(inputs, ORDER, ahead=2)]
    assert batches == [rows.tolist() for rows in ORDER]


@pytest.mark.parametrize(("ahead", "begun"), [(0, 1), (1, 2), (2, 3)])
def test_no_more_than_so_many_batches_are_begun(
    paths: tuple[Path, ...], small: Preprocessing, ahead: int, begun: int
) -> None:
    asked: list[int] = []

    def order() -> Iterator[Rows]:
        for row in range(COUNT):
            asked.append(row)
            yield np.array([row])

    batches = StreamingInputs(paths, small, workers=2).batches(order(), ahead=ahead)
    assert asked == []
    for taken in range(4):
        next(batches)
        assert len(asked) == begun + taken
    batches.close()
    assert len(asked) == begun + 3


def test_the_next_batch_is_decoded_while_one_is_used(
    paths: tuple[Path, ...], small: Preprocessing, noted: Noted
) -> None:
    batches = StreamingInputs(paths, small, workers=1).batches(ORDER[:2], ahead=1)
    next(batches)
    while noted.read.count("5.png") < 2:  # nobody asks for it; the test's time limit ends a wait
        time.sleep(0.001)
    batches.close()


def test_closing_drops_what_nobody_has_begun(
    paths: tuple[Path, ...], small: Preprocessing, noted: Noted
) -> None:
    inputs = StreamingInputs(paths, small, workers=1)
    noted.holds_at = "1.png"
    batches = inputs.batches([np.array([0]), np.arange(1, 9)], ahead=1)
    next(batches)
    assert noted.holding.wait(timeout=30)
    batches.close()
    noted.may_go_on.set()
    inputs.batch(np.array([10]))  # the only worker is through with what it had begun
    assert noted.read == ["0.png", "1.png", "10.png"]


@pytest.mark.parametrize("ahead", [0, 2])
def test_a_file_that_is_gone_is_named_where_its_batch_would_have_come(
    paths: tuple[Path, ...], small: Preprocessing, ahead: int
) -> None:
    paths[5].unlink()
    batches = StreamingInputs(paths, small, workers=2).batches(ORDER, ahead=ahead)
    next(batches)
    with pytest.raises(InputError, match=r"5\.png' was readable .* there is no such file"):
        next(batches)
    with pytest.raises(StopIteration):
        next(batches)
