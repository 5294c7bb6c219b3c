"""What the split keeps together: near copies, and the groups that were found or named."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from phoropter.core.errors import UsageError
from phoropter.core.records import Dataset
from phoropter.data.index import MEASURED, thumbnails
from phoropter.look.evidence import LookEvidence
from phoropter.look.families import joined, links
from phoropter.look.groups import FoundGroups, find_groups, stretches
from phoropter.project.folder import Folder

FOUND = "found"
NONE = "none"

_OURS = frozenset({"id", "path", "part", "part_name", "size_bytes", "mtime_ns", *MEASURED})
"""Columns that say nothing of what belongs together."""

_Numbers = NDArray[np.int64]


def with_groups(
    dataset: Dataset, folder: Folder, groups: str | None, *, seed: int
) -> tuple[Dataset, tuple[str, ...]]:
    """The data with columns `family` and `found` for rows that must stay together, and why.

    Args:
        dataset: Indexed.
        folder: The project's, whose index holds the thumbnails.
        groups: "found" (also where None), "none", or a column of the table.
        seed: Decides the tests that find groups.

    Raises:
        UsageError: If there is no such column.
    """
    pictures = thumbnails(dataset, folder.index)
    evidence = LookEvidence(dataset, None, None, pictures, seed)
    family = joined(len(dataset), evidence.copies.pairs)
    table = dataset.table.with_columns(_column("family", family))
    because: tuple[str, ...] = ()
    if groups in {None, FOUND}:
        numbers, because = _found(evidence, find_groups(evidence))
        table = table.with_columns(_column("found", numbers))
    elif groups != NONE:
        table = table.with_columns(_named(dataset, str(groups)).alias("found"))
        because = (f"Samples with one value of {groups!r} stay together: named by you.",)
    return replace(dataset, table=table), because


def _found(
    evidence: LookEvidence, groups: tuple[FoundGroups, ...]
) -> tuple[_Numbers, tuple[str, ...]]:
    """One number for rows that any found group ties, and a sentence for each kind."""
    ties = [np.zeros((0, 2), dtype=np.int64)]
    because = []
    for group in groups:
        numbers = group.numbers
        if group.kind == "file order":
            # Given validation and test parts stay as they are; only the rest is cut.
            free = ~np.isin(evidence.parts, ["val", "test"])
            numbers = stretches(evidence, np.flatnonzero(free))
            count = len(np.unique(numbers[numbers >= 0]))
            because.append(f"{count} stretches of the file order stay together: {group.why}.")
        else:
            because.append(f"Groups stay together: {group.why}.")
        ties.append(links(numbers))
    return joined(len(evidence.dataset), np.concatenate(ties)), tuple(because)


def _named(dataset: Dataset, name: str) -> pl.Series:
    known = [column for column in dataset.table.columns if column not in _OURS]
    if name not in known:
        raise UsageError(
            f"The data have no column {name!r} to keep groups together by.",
            hint=f"Say found, none or one of: {', '.join(known)}.",
        )
    return dataset.table[name].cast(pl.String)


def _column(name: str, numbers: _Numbers) -> pl.Series:
    """Numbers as text, null where a row stands alone."""
    values = pl.Series(name, numbers.astype(str), dtype=pl.String)
    return pl.select(pl.when(values.is_duplicated()).then(values).alias(name)).to_series()
