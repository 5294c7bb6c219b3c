"""Results come in order, whether items are quick, slow, or first the one and then the other."""

import threading
import time

import pytest

from phoropter.data import parallel
from phoropter.data.parallel import QUICK_S, TRIED, ordered


def busy(item):
    if item >= 20:
        time.sleep(3 * QUICK_S)
    return item, threading.current_thread() is threading.main_thread()


def test_quick_items_stay_here_and_slow_ones_go_to_threads():
    found = list(ordered(busy, range(60)))
    assert [item for item, _ in found] == list(range(60))
    assert all(here for item, here in found if item < 20)
    assert not any(here for item, here in found if item >= 20 + TRIED)


@pytest.mark.parametrize("bad", [3, 40])
def test_an_error_comes_where_its_item_was(bad):
    def failing(item):
        if item == bad:
            raise ValueError(item)
        return busy(item)[0]

    results = ordered(failing, range(60))
    assert [next(results) for _ in range(bad)] == list(range(bad))
    with pytest.raises(ValueError, match=str(bad)):
        next(results)


def test_no_more_items_are_taken_than_are_needed_soon(monkeypatch):
    monkeypatch.setattr(parallel, "thread_count", lambda: 2)
    taken = []

    def items():
        for item in range(100, 1000):
            taken.append(item)
            yield item

    results = ordered(busy, items())
    for _ in range(20):
        next(results)
    assert len(taken) <= 20 + 2 * parallel.AHEAD
    results.close()


def test_nothing_of_nothing():
    assert list(ordered(busy, [])) == []
