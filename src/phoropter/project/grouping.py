"""What the split keeps together, and the time it follows: as found, or as the user says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from phoropter.core.records import Dataset
from phoropter.data.index import thumbnails
from phoropter.data.moments import with_moments
from phoropter.data.source_columns import source_column
from phoropter.look.evidence import LookEvidence
from phoropter.look.families import joined, links
from phoropter.look.groups import FoundGroups, find_groups, stretches, together
from phoropter.project.folder import Folder, Settings

FOUND = "found"
NONE = "none"

_Numbers = NDArray[np.int64]


def arrange(
    dataset: Dataset, folder: Folder, settings: Settings
) -> tuple[Dataset, tuple[str, ...]]:
    """The data with columns `family` and `found` for rows that must stay together, and why.

    Where the split is to follow time, a column `moment` tells it. Stretches of the file order are
    no groups then: whole runs of time are held out in any case.

    Args:
        dataset: Indexed.
        folder: The project's, whose index holds the thumbnails.
        settings: What the user asked for.

    Raises:
        UsageError: If there is no such column, or it does not tell the time.
    """
    groups, time = settings.groups, settings.time
    pictures = thumbnails(dataset, folder.index)
    evidence = LookEvidence(dataset, None, None, pictures, settings.seed, folder=folder.cache)
    columns = [_column("family", joined(len(dataset), evidence.copies.pairs))]
    because: tuple[str, ...] = ()
    if groups in {None, FOUND}:
        found = find_groups(evidence)
        if time is not None:
            found = tuple(group for group in found if group.kind != "file order")
        numbers, because = _found(evidence, found)
        columns.append(_column("found", numbers))
    elif groups != NONE:
        columns.append(source_column(dataset, str(groups)).cast(pl.String).alias("found"))
        because = (f"Samples with one value of {groups!r} stay together: named by you.",)
    if time is not None:
        dataset, why = with_moments(dataset, time)
        because = (*because, why)
    return replace(dataset, table=dataset.table.with_columns(columns)), because


def _found(
    evidence: LookEvidence, groups: tuple[FoundGroups, ...]
) -> tuple[_Numbers, tuple[str, ...]]:
    """One number for rows that any found group ties, and a sentence for each kind."""
    named = [group.numbers for group in groups if group.kind != "file order"]
    ties = [np.zeros((0, 2), dtype=np.int64)]
    because = []
    for group in groups:
        numbers = group.numbers
        if group.kind == "file order":
            # Given validation and test parts stay as they are; only the rest is cut.
            free = np.flatnonzero(~np.isin(evidence.parts, ["val", "test"]))
            numbers = stretches(evidence, free, together(evidence, named))
            count = len(np.unique(numbers[numbers >= 0]))
            because.append(f"{count} stretches of the file order stay together: {group.why}.")
        else:
            because.append(f"Groups stay together: {group.why}.")
        ties.append(links(numbers))
    return joined(len(evidence.dataset), np.concatenate(ties)), tuple(because)


def _column(name: str, numbers: _Numbers) -> pl.Series:
    """Numbers as text, null where a row stands alone."""
    values = pl.Series(name, numbers.astype(str), dtype=pl.String)
    return pl.select(pl.when(values.is_duplicated()).then(values).alias(name)).to_series()
