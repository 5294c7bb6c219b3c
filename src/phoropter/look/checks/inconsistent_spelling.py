"""Categories that differ only in case, blanks or punctuation."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping

from phoropter.core.records import Finding, Prescription
from phoropter.look.columns import category_columns
from phoropter.look.evidence import LookEvidence
from phoropter.look.listing import counted, listed

_JOINTS = re.compile(r"[\s_\-.]+")


def check(evidence: LookEvidence) -> Iterable[Finding]:
    """One finding for all columns in which one category is spelt in several ways."""
    found: dict[str, list[dict[str, int]]] = {}
    for name, column in category_columns(evidence.dataset).items():
        counts = dict(column.drop_nulls().value_counts(name="n").iter_rows())
        groups = _groups(counts)
        if groups:
            found[name] = groups
    if not found:
        return
    name = next(iter(found))
    rarer = [sorted(group.values())[:-1] for groups in found.values() for group in groups]
    yield Finding(
        code="inconsistent-spelling",
        severity="warning",
        confidence=0.9,
        message=(
            f"{counted(len(found), 'column')} with one category in several spellings: {name!r} has "
            f"{', '.join(map(repr, found[name][0]))}."
        ),
        evidence={"columns": dict(listed(found.items())), "cells": sum(map(sum, rarer))},
        prescriptions=(
            Prescription(
                change={},
                advice="Write each category in one way.",
                expected_gain=None,
                cost=0.0,
                why="Every spelling is a category of its own, with too few rows to learn from.",
            ),
        ),
    )


def _groups(counts: Mapping[str, int]) -> list[dict[str, int]]:
    """Spellings of one category with their counts, the commonest first."""
    groups: dict[str, dict[str, int]] = defaultdict(dict)
    for spelling, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        groups[_JOINTS.sub("", spelling.casefold())][spelling] = count
    return [group for key, group in groups.items() if key and len(group) > 1]
