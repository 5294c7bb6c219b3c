"""Collects what is wrong in an annotation file: one entry a reason, not one a million objects."""

from __future__ import annotations

from collections.abc import Sequence

from phoropter.core.records import Rejected

NAMED = 10
"""Places named in one entry; the count beside them is complete."""


class Problems:
    """What is wrong in one file.

    Args:
        path: The file, relative to the data set's root.

    >>> problems = Problems("a.json")
    >>> problems.add("no 'area'", "annotation 7")
    >>> problems.add("no 'area'", "annotation 9")
    >>> problems.rejected()[0].reason
    "no 'area' (2: annotation 7, annotation 9)"
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._places: dict[str, list[str]] = {}
        self._counts: dict[str, int] = {}

    def add(self, reason: str, place: str) -> None:
        """Notes one more place with this fault."""
        count = self._counts[reason] = self._counts.get(reason, 0) + 1
        if count == 1:
            self._places[reason] = [place]
        elif count <= NAMED:
            self._places[reason].append(place)

    def add_many(self, reason: str, places: Sequence[str], *, count: int) -> None:
        """Notes this fault at `count` places, of which the first are named."""
        for place in places[:NAMED]:
            self.add(reason, place)
        if count > NAMED:
            self._counts[reason] += count - min(NAMED, len(places))

    def forget_if_usual(self, reason: str, *, of: int) -> None:
        """Drops a reason that holds for at least half of `of` places: then it is the file's way."""
        if 2 * self._counts.get(reason, 0) >= of:
            self._counts.pop(reason, None)

    def rejected(self) -> list[Rejected]:
        """One entry for each reason, in the order of their coming."""
        return [
            Rejected(self._path, _sentence(reason, count, self._places[reason]), "annotation")
            for reason, count in self._counts.items()
        ]


def _sentence(reason: str, count: int, places: list[str]) -> str:
    named = ", ".join(places)
    if count == 1:
        return f"{reason} ({named})"
    return f"{reason} ({count:,}: {named}{', ...' if count > len(places) else ''})"
