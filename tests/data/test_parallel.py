"""Results come in order, from threads where these are quicker."""

import threading
import time

import pytest

from phoropter.data import parallel
from phoropter.data.parallel import ordered

ITEMS = 500


@pytest.fixture(autouse=True)
def two_threads(monkeypatch):
    """Longer trials than usual, so that a stall of a busy machine decides nothing."""
    monkeypatch.setattr(parallel, "thread_count", lambda: 2)
    monkeypatch.setattr(parallel, "TRIAL_S", 0.1)
    monkeypatch.setattr(parallel, "STRETCH", 10)


def in_main_thread():
    return threading.current_thread() is threading.main_thread()


def waiting(item):
    """As decoding does it: two threads need half the time of one."""
    time.sleep(0.002)
    return item, in_main_thread()


def contended(gate):
    """One at a time, and slower where threads hand the gate to each other."""

    def work(item):
        with gate:
            time.sleep(0.002 if in_main_thread() else 0.006)
        return item, in_main_thread()

    return work


def test_what_waits_goes_to_threads():
    found = list(ordered(waiting, range(ITEMS)))
    assert [item for item, _ in found] == list(range(ITEMS))
    assert sum(here for _, here in found) < ITEMS / 4


def test_what_threads_make_slower_stays_here():
    found = list(ordered(contended(threading.Lock()), range(ITEMS)))
    assert [item for item, _ in found] == list(range(ITEMS))
    assert sum(here for _, here in found) > ITEMS * 3 / 4


def test_items_that_grow_go_to_threads_later():
    gated = contended(threading.Lock())
    found = list(ordered(lambda item: (gated if item < ITEMS else waiting)(item), range(3 * ITEMS)))
    assert [item for item, _ in found] == list(range(3 * ITEMS))
    assert sum(here for _, here in found[2 * ITEMS :]) < ITEMS / 4


@pytest.mark.parametrize("bad", [0, 3, 40, 300])
def test_an_error_comes_where_its_item_was(bad):
    def failing(item):
        if item == bad:
            raise ValueError(item)
        return waiting(item)[0]

    results = ordered(failing, range(ITEMS))
    assert [next(results) for _ in range(bad)] == list(range(bad))
    with pytest.raises(ValueError, match=str(bad)):
        next(results)


def test_no_more_items_are_taken_than_are_needed_soon():
    taken = []

    def items():
        for item in range(1000):
            taken.append(item)
            yield item

    results = ordered(waiting, items())
    for given in range(1, 200):
        next(results)
        assert len(taken) <= given + 2 * parallel.AHEAD
    results.close()


def test_nothing_of_nothing():
    assert list(ordered(waiting, [])) == []
