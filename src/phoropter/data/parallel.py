"""Threads that work ahead by a bounded number of items."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from statistics import median
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

AHEAD = 4
"""Items in flight for each thread: enough to never wait, few enough to bound the memory."""

QUICK_S = 1e-3
TRIED = 7


def thread_count() -> int:
    """How many threads may decode at once: the cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def ordered(function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """`map(function, items)` in threads, results in order, at most a few items ahead.

    Items that take less than `QUICK_S` are dealt with one after the other: threads that hardly
    ever let go of the interpreter take twice the time of one (12,000 images of 32 px were measured
    in 3.4 s instead of 6.7 s).

    >>> list(ordered(abs, [-3, 1, -2]))
    [3, 1, 2]
    """
    left = iter(items)
    yield from _while_quick(function, left)
    yield from _in_threads(function, left)


def _while_quick(function: Callable[[Item], Result], items: Iterator[Item]) -> Iterator[Result]:
    """Results until the median of some items in a row took too long; the first one may load."""
    spent: deque[float] = deque(maxlen=TRIED)
    for number, item in enumerate(items):
        begun = time.perf_counter()
        result = function(item)
        if number:
            spent.append(time.perf_counter() - begun)
        yield result
        if len(spent) == TRIED and median(spent) > QUICK_S:
            return


def _in_threads(function: Callable[[Item], Result], items: Iterator[Item]) -> Iterator[Result]:
    threads = thread_count()
    waiting: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(threads, thread_name_prefix="phoropter") as pool:
        try:
            for item in items:
                waiting.append(pool.submit(function, item))
                if len(waiting) >= AHEAD * threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
