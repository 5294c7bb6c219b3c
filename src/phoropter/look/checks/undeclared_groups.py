"""Writers, patients, sessions, films: pictures that belong together though nobody said so."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict

import numpy as np

from phoropter.core.records import Finding, Prescription
from phoropter.data.moments import natural_order
from phoropter.look.evidence import LookEvidence
from phoropter.look.families import several
from phoropter.look.groups import FoundGroups, find_groups
from phoropter.look.listing import listed, members

DIVIDED = 0.05
"""Share of the pictures in groups that parts divide from which results are too good."""

RANDOM = 0.25
"""Parts that change along the file order this often, measured by how often they would at random,
cut it anywhere; whole stretches change a few times."""


def check(evidence: LookEvidence) -> Iterable[Finding]:
    """One finding for each kind of group; a warning where the parts in force divide them."""
    for found in find_groups(evidence):
        yield _finding(evidence, found)


def _finding(evidence: LookEvidence, found: FoundGroups) -> Finding:
    divided = _divided(evidence, found)
    kept = "cut them a few times only" if found.kind == "file order" else "keep them together"
    alone = -1 - np.arange(len(found.numbers))
    families = several(np.where(found.numbers < 0, alone, found.numbers))
    return Finding(
        code="undeclared-groups",
        severity="warning" if divided else "info",
        confidence=0.95,
        message=(
            f"There are {found.why}. "
            + ("The parts divide them: results are too good." if divided else f"The parts {kept}.")
        ),
        evidence={
            "kind": found.kind,
            "groups": len(families),
            "p_value": found.p_value,
            "divided": divided,
            "probe": None if found.order is None else asdict(found.order),
            "families": listed(members(evidence, rows) for rows in families),
        },
        prescriptions=(
            Prescription(
                change={},
                advice="Say in a column `group` who or what each picture belongs to; until then "
                "leave the parts to the split, which keeps found groups together "
                "(phoropter split --groups found).",
                expected_gain=None,
                cost=0.0,
                why="What a model knows of a writer, patient or session does not carry over to "
                "the next one, so a mixed split promises too much.",
            ),
        ),
    )


def _divided(evidence: LookEvidence, found: FoundGroups) -> bool:
    parts = evidence.parts
    if len(np.unique(parts[parts != ""])) < 2:
        return False
    if found.kind == "file order":
        return cut_anywhere(evidence)
    taking = (found.numbers >= 0) & (parts != "")
    _, part = np.unique(parts, return_inverse=True)
    table = np.zeros((found.numbers.max() + 1, part.max() + 1), dtype=bool)
    table[found.numbers[taking], part[taking]] = True
    torn = table.sum(axis=1)[found.numbers[taking]] > 1
    return bool(torn.mean() >= DIVIDED)


def cut_anywhere(evidence: LookEvidence) -> bool:
    """Whether the parts cut the file order as if drawn at random, within each class."""
    parts = evidence.parts
    order = natural_order(evidence.dataset.table["path"].to_list())
    labels = evidence.labels
    if labels is not None:
        order = order[np.argsort(labels[order], kind="stable")]
    along = parts[order][parts[order] != ""]
    shares = np.unique(along, return_counts=True)[1] / len(along)
    at_random = 1 - float((shares**2).sum())
    changes = float((along[1:] != along[:-1]).mean())
    return changes > RANDOM * at_random
