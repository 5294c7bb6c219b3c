"""Columns that are distributed otherwise in a held-out part than in training."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from phoropter.core.records import Finding, Prescription, Severity
from phoropter.look.columns import category_columns, number_columns
from phoropter.look.evidence import LookEvidence
from phoropter.look.listing import counted, listed

ALPHA = 0.001
"""False alarms on a whole table that has no shift (Bonferroni over columns and parts)."""

FEWEST = 20


def check(evidence: LookEvidence) -> Iterable[Finding]:
    """For each held-out part one finding for unseen categories, one for shifted columns.

    Distributions are only compared where the data bring the part: a part that was drawn at random
    can differ by chance alone. Of rows that belong together one is compared.
    """
    train = np.flatnonzero(evidence.parts == "train")
    if len(train) < FEWEST:
        return
    given = evidence.dataset.table["part"].is_not_null().to_numpy()
    alone = np.zeros(len(evidence.parts), dtype=bool)
    alone[np.unique(evidence.families, return_index=True)[1]] = True
    numbers = number_columns(evidence.dataset)
    categories = category_columns(evidence.dataset)
    for part in ("val", "test"):
        rows = np.flatnonzero(evidence.parts == part)
        unseen = _unseen(categories, train, rows)
        if unseen:
            yield _unseen_finding(evidence, part, unseen)
        own, other = train[alone[train]], rows[alone[rows] & given[rows]]
        if min(len(own), len(other)) < FEWEST:
            continue
        tested = [
            *((name, _kolmogorov(values, own, other)) for name, values in numbers.items()),
            *((name, _chi_squared(column, own, other)) for name, column in categories.items()),
        ]
        limit = ALPHA / max(2 * len(tested), 1)
        shifted = sorted((p, name) for name, p in tested if p <= limit)
        if shifted:
            yield _shift_finding(part, shifted, limit)


def _unseen(
    columns: dict[str, pl.Series], train: NDArray[np.int64], rows: NDArray[np.int64]
) -> list[tuple[str, str, NDArray[np.int64]]]:
    """Categories of a part that training does not have: column, category, rows."""
    found = []
    for name, column in columns.items():
        known = set(column.gather(train).to_list())
        held = column.gather(rows)
        new = sorted(set(held.drop_nulls().to_list()) - known)
        found += [
            (name, category, rows[(held == category).fill_null(value=False).to_numpy()])
            for category in new
        ]
    return found


def _unseen_finding(
    evidence: LookEvidence, part: str, unseen: Sequence[tuple[str, str, NDArray[np.int64]]]
) -> Finding:
    name, category, rows = unseen[0]
    share = len(np.unique(np.concatenate([rows for *_, rows in unseen])))
    share_of_part = share / int((evidence.parts == part).sum())
    severity: Severity = "warning" if share_of_part >= 0.01 else "info"
    return Finding(
        code="covariate-shift",
        severity=severity,
        confidence=1.0,
        message=(
            f"{counted(len(unseen), 'category', 'categories')} of the {part} part that training "
            f"does not have: {name!r} is {category!r} in {counted(len(rows), 'row')}."
        ),
        evidence={
            "part": part,
            "kind": "unseen categories",
            "categories": listed(
                {"column": name, "category": category, "rows": len(rows)}
                for name, category, rows in unseen
            ),
            "samples": listed(str(evidence.ids[row]) for *_, rows in unseen for row in rows),
        },
        prescriptions=(_PRESCRIPTION,),
    )


def _shift_finding(part: str, shifted: Sequence[tuple[float, str]], limit: float) -> Finding:
    p, name = shifted[0]
    return Finding(
        code="covariate-shift",
        severity="warning",
        confidence=0.95,
        message=(
            f"{counted(len(shifted), 'column')} of the {part} part distributed otherwise than in "
            f"training: {name!r} (p = {p:.1g})."
        ),
        evidence={
            "part": part,
            "kind": "distribution",
            "columns": dict(listed((name, p) for p, name in shifted)),
            "limit": limit,
        },
        prescriptions=(_PRESCRIPTION,),
    )


def _kolmogorov(
    values: NDArray[np.float64], train: NDArray[np.int64], rows: NDArray[np.int64]
) -> float:
    from scipy.stats import ks_2samp

    first, second = (values[part][~np.isnan(values[part])] for part in (train, rows))
    if min(len(first), len(second)) < FEWEST:
        return 1.0
    return float(ks_2samp(first, second, method="asymp").pvalue)


def _chi_squared(column: pl.Series, train: NDArray[np.int64], rows: NDArray[np.int64]) -> float:
    from scipy.stats import chi2_contingency

    codes = column.fill_null("\0").rank("dense").cast(pl.Int64).to_numpy()
    count = int(codes.max()) + 1
    table = np.stack([np.bincount(codes[part], minlength=count) for part in (train, rows)])
    total = table.sum(axis=0)
    rare = total < 25  # cells are expected to hold five or so, as the test supposes
    merged = np.concatenate([table[:, ~rare], table[:, rare].sum(axis=1, keepdims=True)], axis=1)
    merged = merged[:, merged.sum(axis=0) > 0]
    if merged.shape[1] < 2:
        return 1.0
    return float(chi2_contingency(merged, correction=False).pvalue)


_PRESCRIPTION = Prescription(
    change={},
    advice="Find out how the parts were drawn; train on rows like those the model is meant for.",
    expected_gain=None,
    cost=0.0,
    why="A model only holds where its inputs look like those it learnt from.",
)
