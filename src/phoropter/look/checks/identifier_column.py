"""Columns that only name the rows."""

from __future__ import annotations

from collections.abc import Iterable

from phoropter.core.records import Finding, Prescription
from phoropter.data.row_columns import is_identifier
from phoropter.look.columns import inputs_of
from phoropter.look.evidence import LookEvidence
from phoropter.look.listing import counted, listed


def check(evidence: LookEvidence) -> Iterable[Finding]:
    """One finding for all of them."""
    found = [column.name for column in inputs_of(evidence.dataset) if is_identifier(column)]
    if not found:
        return
    yield Finding(
        code="identifier-column",
        severity="info",
        confidence=0.9,
        message=(
            f"{counted(len(found), 'column')} with another value in nearly every row: "
            f"{', '.join(map(repr, listed(found)))}."
        ),
        evidence={"columns": listed(found)},
        prescriptions=(
            Prescription(
                change={},
                advice="Leave them out of the inputs.",
                expected_gain=None,
                cost=0.0,
                why="A model can only learn by heart which row is which; where rows were sorted, "
                "a running number even gives the target away.",
            ),
        ),
    )
