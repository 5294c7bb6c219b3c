"""Numbers of a table far out of the range of their column, and infinite ones."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from phoropter.core.records import Finding, Prescription
from phoropter.look.columns import number_columns
from phoropter.look.evidence import LookEvidence
from phoropter.look.listing import counted, listed

REACH = 10.0
"""A number is out of range that lies this many times the span of the middle nine tenths away from
it (and, where all are positive, `LOG_REACH` times on a logarithmic scale): heavy tails of real
measurements, such as fares and incomes, do not reach there."""

LOG_REACH = 2.0

IMPOSSIBLE = 100.0
"""At this many spans it is no rare value but another unit, or a code such as -9999."""

FEWEST = 20


def check(evidence: LookEvidence) -> Iterable[Finding]:
    """One finding for all cells out of range, in inputs and in a numeric target."""
    columns = number_columns(evidence.dataset)
    if evidence.dataset.task == "regression":
        for name in evidence.dataset.targets:
            columns[name] = evidence.dataset.table[name].to_numpy()
    far = {name: distances(values) for name, values in columns.items()}
    cells = [
        (float(distance[row]), name, int(row))
        for name, distance in far.items()
        for row in np.flatnonzero(distance >= REACH)
    ]
    if not cells:
        return
    cells.sort(key=lambda cell: (-cell[0], cell[1], cell[2]))
    worst, name, row = cells[0]
    yield Finding(
        code="outliers",
        severity="warning" if worst >= IMPOSSIBLE else "info",
        confidence=0.9,
        message=(
            f"{counted(len(cells), 'cell')} far out of the range of their column: {name!r} is "
            f"{columns[name][row]:g} in {str(evidence.ids[row])!r}."
        ),
        evidence={
            "count": len(cells),
            "reach": REACH,
            "samples": listed(
                {
                    "id": str(evidence.ids[row]),
                    "column": name,
                    "value": float(columns[name][row]) if np.isfinite(distance) else "infinite",
                    "spans": distance if np.isfinite(distance) else "infinite",
                }
                for distance, name, row in cells
            ),
        },
        prescriptions=(
            Prescription(
                change={},
                advice="Look up the listed cells; correct them, or leave them empty.",
                expected_gain=None,
                cost=0.0,
                why="One such number decides mean, spread and every squared error of its column.",
            ),
        ),
    )


def distances(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """How many spans of the middle nine tenths each number lies outside of them, shape (n,).

    0 within, infinite for infinities, and 0 for numbers that a logarithmic scale explains.

    >>> float(distances(np.array([*range(-50, 50), 5000.0])).max().round(1))
    55.1
    """
    result = np.zeros(len(values))
    result[np.isinf(values)] = np.inf
    known = np.isfinite(values)
    if known.sum() < FEWEST:
        return result
    result[known] = _spans(values[known])
    if (values[known] >= 0).all():
        explained = _spans(np.log1p(values[known])) < LOG_REACH
        result[np.flatnonzero(known)[explained]] = 0.0
    return result


def _spans(values: NDArray[np.float64]) -> NDArray[np.float64]:
    low, high = np.quantile(values, [0.05, 0.95])
    if low == high:  # nine tenths are one value: no measure of how far is far
        return np.zeros(len(values))
    outside = np.maximum(np.maximum(low - values, values - high), 0)
    return np.asarray(outside / (high - low))
