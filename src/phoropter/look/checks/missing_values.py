"""Cells without a value."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from phoropter.core.records import Finding, Prescription
from phoropter.look.columns import inputs_of
from phoropter.look.evidence import LookEvidence
from phoropter.look.listing import counted, listed

WARNING_SHARE = 0.5
"""Share of cells missing from which a column is more guessed than known."""


def check(evidence: LookEvidence) -> Iterable[Finding]:
    """One finding for all columns with missing cells; those that one part lacks are named."""
    columns = list(inputs_of(evidence.dataset))
    shares = {column.name: column.null_count() / max(len(column), 1) for column in columns}
    missing = {name: share for name, share in shares.items() if share > 0}
    if not missing:
        return
    partly = [name for name in missing if missing[name] < 1]
    lacking = _lacking(evidence, partly) if partly else {}
    worst = max(missing, key=lambda name: missing[name])
    severe = missing[worst] >= WARNING_SHARE or bool(lacking)
    told = "".join(
        f"; the {part} part has no {', '.join(names)}" for part, names in lacking.items()
    )
    yield Finding(
        code="missing-values",
        severity="warning" if severe else "info",
        confidence=1.0,
        message=(
            f"{counted(len(missing), 'column')} with missing cells: {worst!r} lacks "
            f"{missing[worst]:.0%}{told}."
        ),
        evidence={
            "columns": dict(listed(sorted(missing.items(), key=lambda item: -item[1]))),
            "lacking_in_part": lacking,
            "warning_share": WARNING_SHARE,
        },
        prescriptions=_prescriptions(worst) if severe else (),
    )


def _lacking(evidence: LookEvidence, names: list[str]) -> dict[str, list[str]]:
    """For each part the columns that it lacks altogether."""
    found: dict[str, list[str]] = {}
    for part in np.unique(evidence.parts[evidence.parts != ""]).tolist():
        rows = np.flatnonzero(evidence.parts == part)
        table = evidence.dataset.table.select(names)[rows]
        empty = [name for name in names if table[name].null_count() == len(rows)]
        if empty:
            found[part] = empty
    return found


def _prescriptions(name: str) -> tuple[Prescription, ...]:
    return (
        Prescription(
            change={},
            advice=f"Find out why {name!r} is missing, fill it from its source, or leave it out.",
            expected_gain=None,
            cost=0.0,
            why="A model learns what was filled in for the missing cells as if it were measured.",
        ),
    )
