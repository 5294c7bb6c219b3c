from __future__ import annotations

import threading
import time

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from phoropter.data.batches import batches
from phoropter.data.memory import MemoryInputs
from phoropter.data.parallel import AHEAD, ordered, thread_count


@given(count=st.integers(0, 50), size=st.integers(1, 20), epoch=st.integers(0, 5))
def test_every_row_once_an_epoch(count: int, size: int, epoch: int) -> None:
    rows = np.arange(100, 100 + count)
    found = list(batches(rows, size, seed=1, epoch=epoch))
    assert sorted(np.concatenate([[], *found]).tolist()) == rows.tolist()
    assert all(len(batch) == size for batch in found[:-1])
    assert all(batch.dtype == np.int64 for batch in found)


@given(size=st.integers(1, 20), start=st.integers(0, 30))
def test_resuming_gives_the_rest(size: int, start: int) -> None:
    rows = np.arange(37)
    whole = [batch.tolist() for batch in batches(rows, size, seed=3, epoch=2)]
    rest = [batch.tolist() for batch in batches(rows, size, seed=3, epoch=2, start=start)]
    assert rest == whole[start:]


def test_order_changes_with_epoch_and_seed() -> None:
    rows = np.arange(30)
    orders = {
        tuple(next(batches(rows, 30, seed=seed, epoch=epoch)).tolist())
        for seed in range(3)
        for epoch in range(3)
    }
    assert len(orders) == 9
    assert rows.tolist() == list(range(30))


def test_batch_size_below_one() -> None:
    with pytest.raises(ValueError, match="got 0"):
        next(batches(np.arange(3), 0, seed=0, epoch=0))


def test_memory_inputs() -> None:
    features = np.arange(12, dtype=np.float32).reshape(4, 3)
    inputs = MemoryInputs(features)
    batch = inputs.batch(np.array([3, 0]))
    assert len(inputs) == 4
    assert batch.dtype == torch.float32
    assert batch.tolist() == [[9, 10, 11], [0, 1, 2]]
    batch.zero_()
    assert features[3, 0] == 9


def test_ordered_works_ahead_by_a_bounded_number() -> None:
    taken = 0

    def items() -> object:
        nonlocal taken
        for number in range(1000):
            taken += 1
            yield number

    results = ordered(lambda number: number * 2, items())
    assert [next(results) for _ in range(3)] == [0, 2, 4]
    assert taken <= AHEAD * thread_count() + 3
    results.close()


def test_ordered_keeps_order_and_runs_in_threads() -> None:
    names: list[str] = []

    def uneven(number: int) -> int:
        names.append(threading.current_thread().name)
        time.sleep(0.02 if number % 5 == 0 else 0.003)
        return number

    assert list(ordered(uneven, range(40))) == list(range(40))
    assert threading.current_thread().name not in names[-20:]


def test_ordered_passes_errors_on() -> None:
    def fail(number: int) -> int:
        if number == 3:
            raise LookupError(number)
        return number

    with pytest.raises(LookupError):
        list(ordered(fail, range(10)))
