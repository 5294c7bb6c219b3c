"""Lists in evidence are short; the count beside them is not."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import TypeVar

from phoropter.core.records import Rows
from phoropter.look.evidence import LookEvidence

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


def members(evidence: LookEvidence, rows: Rows) -> list[dict[str, str]]:
    """Rows that belong together, as evidence lists them: identifier, part and, of classes, label.

    A page can show their pictures side by side; no more than `LONGEST` are listed.
    """
    return listed(_member(evidence, row) for row in rows.tolist())


def _member(evidence: LookEvidence, row: int) -> dict[str, str]:
    member = {"id": str(evidence.ids[row]), "part": str(evidence.parts[row])}
    if evidence.labels is not None:
        member["label"] = str(evidence.labels[row])
    return member
