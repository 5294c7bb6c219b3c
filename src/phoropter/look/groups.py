"""The groups that nobody declared, found by every means, and how to keep each of them together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from phoropter.data.moments import natural_order
from phoropter.look.evidence import LookEvidence
from phoropter.look.families import joined, links
from phoropter.look.file_order import OrderProbe, probe
from phoropter.look.listing import counted
from phoropter.look.name_groups import (
    NameGroups,
    find_folder_groups,
    find_name_groups,
    find_sessions,
)

Codes = NDArray[np.int64]

STRETCHES = ((10_000, 10), (1_000_000, 20), (2**63, 200))
"""Into how many stretches the order is cut, by the largest number of samples: twice as many as the
smallest part's share asks for, so that it can be filled with whole ones."""

FEWEST_OF_A_CLASS = 10

_TIES = {
    "file name": "share the first part of their file name (the same patient, session, ...)",
    "folder": "lie in one folder (the same session, animal, ...)",
    "camera time": "were taken by one camera within minutes (the same session)",
}


@dataclass(frozen=True, slots=True, eq=False)
class FoundGroups:
    """Rows that belong together though nobody said so.

    Args:
        kind: "file name", "folder", "camera time" or "file order".
        numbers: A number for each row, shape (n,); -1 where a row belongs to none.
        p_value: Of the test that found them.
        order: The probe, where it was made.
        why: One sentence for people.
    """

    kind: str
    numbers: Codes
    p_value: float
    order: OrderProbe | None
    why: str


def find_groups(evidence: LookEvidence) -> tuple[FoundGroups, ...]:
    """Every kind of group that is there, names first; none where groups are declared.

    The file order is probed with the groups of the other kinds kept together, so that it is only
    found where it says more than they do.
    """
    if evidence.dataset.modality != "image" or (evidence.groups >= 0).any():
        return ()
    named = [
        groups
        for find in (find_name_groups, find_folder_groups, find_sessions)
        if (groups := find(evidence)) is not None
    ]
    found = [_of_names(groups) for groups in named]
    order = probe(evidence, together(evidence, [groups.numbers for groups in named]))
    if order is not None and order.found:
        found.append(_of_order(evidence, order))
    return tuple(found)


def together(evidence: LookEvidence, numberings: list[Codes]) -> Codes:
    """The family of each row (n,): rows tied by a group, a twin or a copy share a number."""
    ties = [links(evidence.families)]
    ties += [links(numbers) for numbers in numberings]
    return joined(len(evidence.dataset), np.concatenate(ties))


def stretches(evidence: LookEvidence, rows: Codes, units: Codes) -> Codes:
    """The stretch of the file order of each row (n,), -1 for those that are not in `rows`.

    Stretches are cut through all files, or through each class on its own where the order sorts
    the files by class. They cut between units: rows of one unit are where its first row is, so
    that a few copies far apart do not tie all stretches to each other.

    Args:
        evidence: The samples.
        rows: Positions of the rows to cut, shape (m,).
        units: A number for each row (n,); rows of one unit stay together.
    """
    count = next(number for limit, number in STRETCHES if len(evidence.dataset) <= limit)
    paths = evidence.dataset.table["path"].to_list()
    order = rows[natural_order([paths[row] for row in rows])]
    numbers = np.full(len(evidence.dataset), -1, dtype=np.int64)
    numbers[order] = np.arange(len(order)) * count // max(len(order), 1)
    if evidence.labels is not None:
        _, codes = np.unique(evidence.labels, return_inverse=True)
        if not _mixed(numbers[order], codes[order], count):
            for code in np.unique(codes[order]):
                own = order[codes[order] == code]
                numbers[own] = code * count + np.arange(len(own)) * count // len(own)
    _, first, unit = np.unique(units[order], return_index=True, return_inverse=True)
    numbers[order] = numbers[order][first][unit]
    return numbers


def _mixed(numbers: Codes, codes: Codes, count: int) -> bool:
    """Whether every class of some size stands in at least half of the stretches."""
    table = np.zeros((codes.max() + 1, count), dtype=bool)
    table[codes, numbers] = True
    large = np.bincount(codes) >= FEWEST_OF_A_CLASS
    return bool((table[large].sum(axis=1) >= count / 2).all())


def _of_names(groups: NameGroups) -> FoundGroups:
    sizes = np.bincount(groups.numbers[groups.numbers >= 0])
    several = int((sizes > 1).sum())
    why = (
        f"{counted(several, 'group')} of files that {_TIES[groups.kind]}: found by how alike "
        f"they look, p = {groups.p_value:.4f}"
    )
    return FoundGroups(groups.kind, groups.numbers, groups.p_value, None, why)


def _of_order(evidence: LookEvidence, order: OrderProbe) -> FoundGroups:
    every = np.arange(len(evidence.dataset))
    numbers = stretches(evidence, every, every)
    what = {
        "error": "the nearest neighbour errs in {:.1%} of the pictures in mixed folds and in "
        "{:.1%} where whole stretches are held out",
        "absolute error": "the nearest neighbours miss the target by {:.2f} of its standard "
        "deviation in mixed folds and by {:.2f} where whole stretches are held out",
        "distance": "the nearest other picture is at a distance of {:.3f} in mixed folds and at "
        "{:.3f} where whole stretches are held out",
    }[order.measure].format(order.mixed, order.blocks)
    why = (
        "files that follow each other (the same writer, session, recording): found by the "
        f"hidden-group probe, p = {order.p_value:.3f}; {what}"
    )
    return FoundGroups("file order", numbers, order.p_value, order, why)
