"""Many small problems of linear algebra, each on one thread."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def one_thread() -> Iterator[None]:
    """Keeps BLAS and OpenMP to one thread inside.

    For matrices of some hundred rows waiting for each other costs threads more than they save, tens
    of times more where other programs are running.
    """
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1):
        yield
