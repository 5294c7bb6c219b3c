"""Which classes count as rare."""

from __future__ import annotations

from collections.abc import Sequence

RATIO = 3.0  # training samples of the most frequent class over a rare one's


def rare(counts: Sequence[int]) -> list[bool]:
    """Of each class whether it has a third of the most frequent one's training samples or less.

    >>> rare((90, 30, 31))
    [False, True, False]
    """
    return [count * RATIO <= max(counts) for count in counts]
