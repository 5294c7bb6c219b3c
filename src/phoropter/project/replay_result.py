"""What `replay` returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Compared:
    """Numbers of one kind, of a run and of its replay.

    Args:
        name: "history", "weights", "train_predictions", "predictions" or "metrics".
        numbers: How many there are.
        different: How many are not the same to the bit.
        largest: The largest difference, absolute.
        first: Where the first one is, or "".
    """

    name: str
    numbers: int
    different: int
    largest: float
    first: str


@dataclass(frozen=True, slots=True)
class ReplayResult:
    """A run made again from its record.

    Args:
        run: Its identifier.
        project: Folder of the project.
        identical: Whether every number is the same to the bit.
        compared: Kind by kind, the earliest first.
        changed: What decides or computes the numbers and is no longer what it was: then and now.
        because: Why the numbers differ, or what has changed without an effect, one sentence each.
        seconds: Wall time of the replay.
    """

    run: str
    project: str
    identical: bool
    compared: tuple[Compared, ...]
    changed: Mapping[str, tuple[str, str]]
    because: tuple[str, ...]
    seconds: float
