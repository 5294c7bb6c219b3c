"""Lists in evidence are short; the count beside them is not."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import TypeVar

LONGEST = 20
"""Entries of a list in a finding's evidence."""

T = TypeVar("T")


def listed(entries: Iterable[T]) -> list[T]:
    """The first entries, as many as evidence may hold.

    >>> listed(range(100))[-1]
    19
    """
    return list(islice(entries, LONGEST))


def counted(count: int, noun: str, plural: str | None = None) -> str:
    """A count with its noun.

    >>> counted(1, "class", "classes"), counted(1200, "picture")
    ('1 class', '1,200 pictures')
    """
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"
