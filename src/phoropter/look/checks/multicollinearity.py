"""Columns that say the same as others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import polars as pl
from numpy.typing import NDArray

from phoropter.core.records import Finding, Prescription
from phoropter.look.collinearity import correlations, drawn_in, inflation, same_partition
from phoropter.look.columns import category_columns, number_columns
from phoropter.look.evidence import LookEvidence
from phoropter.look.listing import counted, listed

SPOKEN_VIF = 10.0
"""The usual rule of thumb (Kutner et al., "Applied linear statistical models"): the variance of a
linear model's coefficient is ten times what it would be if the columns were independent."""

SPOKEN_CORRELATION = 0.95

LIKELY_CORRELATION = 0.7
"""From here two columns may be the same but for a few cells; that is looked at cell by cell."""

SAME_SHARE = 0.98
"""Share of the rows in which one column is the other, perhaps in another unit, from which they say
the same; a few cells of a copy are often changed later."""

MOST_COLUMNS = 500
"""Of wider tables only the first columns are compared."""


def check(evidence: LookEvidence) -> Iterable[Finding]:
    """One finding for columns that repeat another one or nearly so."""
    columns = dict(list(number_columns(evidence.dataset).items())[:MOST_COLUMNS])
    likely = _correlated(columns)
    copies = [(a, b) for a, b, _ in likely if _same_share(columns[a], columns[b]) >= SAME_SHARE]
    pairs = [pair for pair in likely if abs(pair[2]) >= SPOKEN_CORRELATION]
    factors = inflation(columns)
    renamed = _renamed(evidence)
    inflated = {name: factor for name, factor in factors.items() if factor >= SPOKEN_VIF}
    copies += renamed
    if not pairs and not inflated and not copies:
        return
    yield Finding(
        code="multicollinearity",
        severity="warning" if copies else "info",
        confidence=1.0 if copies else 0.9,
        message=_message(copies, pairs, inflated),
        evidence={
            "same": listed(list(pair) for pair in copies),
            "correlated": listed([a, b, value] for a, b, value in pairs),
            "vif": dict(listed(sorted(factors.items(), key=lambda item: -item[1]))),
            "spoken_vif": SPOKEN_VIF,
            "spoken_correlation": SPOKEN_CORRELATION,
        },
        prescriptions=_prescriptions(copies[0]) if copies else (),
    )


def _correlated(columns: Mapping[str, NDArray[np.float64]]) -> list[tuple[str, str, float]]:
    """Pairs with a large correlation, the largest first."""
    if len(columns) < 2:
        return []
    names = list(columns)
    matrix = correlations(np.stack([drawn_in(values) for values in columns.values()], axis=1))
    found = [
        (names[a], names[b], float(matrix[a, b]))
        for a, b in np.argwhere(np.triu(np.abs(matrix) >= LIKELY_CORRELATION, k=1)).tolist()
    ]
    return sorted(found, key=lambda item: -abs(item[2]))


def _same_share(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """Share of the rows that have both in which they agree after a change of unit.

    The unit comes from the rows that are not at the ends of either column, so that single
    numbers out of range do not spoil it.
    """
    both = np.isfinite(first) & np.isfinite(second)
    x, y = first[both], second[both]
    inner = np.ones(len(x), dtype=bool)
    for values in (x, y):
        low, high = np.quantile(values, [0.05, 0.95])
        inner &= (values >= low) & (values <= high)
    if inner.sum() < 3 or np.ptp(x[inner]) == 0 or np.ptp(y[inner]) == 0:
        return 0.0
    slope, start = np.polyfit(x[inner], y[inner], 1)
    near = np.abs(start + slope * x - y) < 1e-6 * np.ptp(y[inner])
    return float(near.mean())


def _renamed(evidence: LookEvidence) -> list[tuple[str, str]]:
    """Pairs of columns with few values that divide the rows alike (class and its number)."""
    dataset = evidence.dataset
    columns = category_columns(dataset)
    for name, values in number_columns(dataset).items():
        if 2 <= len(np.unique(values[np.isfinite(values)])) <= 20:
            columns[name] = dataset.table[name].cast(pl.String)
    numbers = {
        name: column.fill_null("\0").rank("dense").cast(pl.Int64).to_numpy()
        for name, column in columns.items()
        if column.n_unique() >= 2
    }
    numeric = {name for name in columns if dataset.table[name].dtype.is_numeric()}
    names = list(numbers)
    return [
        (first, second)
        for at, first in enumerate(names)
        for second in names[at + 1 :]
        if same_partition(numbers[first], numbers[second]) and not {first, second} <= numeric
    ]


def _message(
    copies: list[tuple[str, str]],
    pairs: list[tuple[str, str, float]],
    inflated: Mapping[str, float],
) -> str:
    if copies:
        shown = "; ".join(f"{first!r} and {second!r}" for first, second in copies[:3])
        more = "; ..." if len(copies) > 3 else "."
        return f"{counted(len(copies), 'pair')} of columns that say the same: {shown}{more}"
    if pairs:
        first, second, value = pairs[0]
        return (
            f"{counted(len(pairs), 'pair')} of columns nearly say the same: {first!r} and "
            f"{second!r} are correlated to {value:.3f}."
        )
    name = max(inflated, key=lambda item: inflated[item])
    return (
        f"{counted(len(inflated), 'column')} can be told from the others: {name!r} has a variance "
        f"inflation factor of {inflated[name]:.0f}."
    )


def _prescriptions(pair: tuple[str, str]) -> tuple[Prescription, ...]:
    return (
        Prescription(
            change={},
            advice=f"Keep one column of each pair, {pair[0]!r} or {pair[1]!r} first.",
            expected_gain=None,
            cost=0.0,
            why="The second one adds nothing, and shares the first one's importance, so that "
            "neither looks important.",
        ),
    )
