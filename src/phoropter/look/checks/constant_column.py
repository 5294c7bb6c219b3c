"""Columns that hold the same value in every row, or in nearly every one."""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from phoropter.core.records import Finding, Prescription
from phoropter.look.columns import inputs_of
from phoropter.look.evidence import LookEvidence
from phoropter.look.listing import counted, listed

NEARLY = 0.995
"""Share of the filled cells that hold one value from which a column says next to nothing: of 1,000
rows at most 5 differ, too few to learn what they mean."""

FEWEST = 20


def check(evidence: LookEvidence) -> Iterable[Finding]:
    """One finding for columns without any content, and for those with next to none."""
    constant, nearly = [], []
    for column in inputs_of(evidence.dataset):
        filled = column.drop_nulls()
        different = filled.n_unique()
        if different <= 1:
            constant.append(column.name)
        elif len(filled) >= FEWEST and _commonest(filled) >= NEARLY * len(filled):
            nearly.append(column.name)
    if not constant and not nearly:
        return
    first = (constant or nearly)[0]
    yield Finding(
        code="constant-column",
        severity="warning" if constant else "info",
        confidence=1.0,
        message=(
            f"{counted(len(constant), 'column')} always the same or empty and {len(nearly)} nearly "
            f"so: {', '.join(map(repr, [*constant, *nearly][:5]))}."
        ),
        evidence={"constant": listed(constant), "nearly": listed(nearly), "nearly_share": NEARLY},
        prescriptions=(
            Prescription(
                change={},
                advice=f"Leave out the columns that never change, {first!r} first.",
                expected_gain=None,
                cost=0.0,
                why="What is the same in every row tells no row from another.",
            ),
        ),
    )


def _commonest(filled: pl.Series) -> int:
    return int(filled.value_counts(name="n")["n"].max() or 0)  # type: ignore[arg-type]  # a count
