from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from phoropter.data.batches import batches
from phoropter.data.memory import MemoryInputs


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
