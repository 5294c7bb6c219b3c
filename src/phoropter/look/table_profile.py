"""The columns of a table as a page shows them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from phoropter.data.row_columns import is_identifier, is_time
from phoropter.look.collinearity import correlations, drawn_in, inflation
from phoropter.look.columns import category_columns, inputs_of, number_columns
from phoropter.look.evidence import LookEvidence

Kind = Literal["number", "category", "date", "identifier", "text"]

MOST_CORRELATED = 24
"""Columns of the matrix; of wider tables those that vary with others the most are shown."""


@dataclass(frozen=True, slots=True, eq=False)
class ColumnProfile:
    """One input column.

    Args:
        name: Of the column.
        kind: What it holds.
        missing: Share of its cells without a value.
        distinct: Different values.
        numbers: Its values, shape (n,), NaN where there is none; None unless `kind` is "number".
        categories: The category of each row, null where there is none; None unless it has some.
        inflation: Variance inflation factor among the columns of numbers, None where unknown.
    """

    name: str
    kind: Kind
    missing: float
    distinct: int
    numbers: NDArray[np.float64] | None = None
    categories: pl.Series | None = None
    inflation: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class TableProfile:
    """All input columns, and how those of numbers vary together.

    Args:
        columns: In the order of the file.
        correlated: Names of the columns of `correlation`.
        correlation: Pearson's, shape (k, k), values far out of range drawn in.
    """

    columns: tuple[ColumnProfile, ...]
    correlated: tuple[str, ...]
    correlation: NDArray[np.float64]


def table_profile(evidence: LookEvidence) -> TableProfile:
    """The profile of the inputs of a table."""
    dataset = evidence.dataset
    numbers = number_columns(dataset)
    categories = category_columns(dataset)
    factors = inflation(numbers)
    varied = {name: values for name, values in numbers.items() if _varies(values)}
    names, matrix = _most_correlated(varied)
    return TableProfile(
        columns=tuple(
            ColumnProfile(
                name=column.name,
                kind=_kind(column, numbers, categories),
                missing=column.null_count() / max(len(column), 1),
                distinct=column.drop_nulls().n_unique(),
                numbers=numbers.get(column.name),
                categories=categories.get(column.name),
                inflation=factors.get(column.name),
            )
            for column in inputs_of(dataset)
        ),
        correlated=names,
        correlation=matrix,
    )


def _kind(
    column: pl.Series,
    numbers: Mapping[str, NDArray[np.float64]],
    categories: Mapping[str, pl.Series],
) -> Kind:
    if is_identifier(column):
        return "identifier"
    if column.name in numbers:
        return "number"
    if column.name in categories:
        return "category"
    return "date" if column.dtype == pl.String and is_time(column) else "text"


def _varies(values: NDArray[np.float64]) -> bool:
    known = values[np.isfinite(values)]
    return bool(len(known) and known.min() < known.max())


def _most_correlated(
    columns: Mapping[str, NDArray[np.float64]],
) -> tuple[tuple[str, ...], NDArray[np.float64]]:
    names = tuple(columns)
    if len(names) < 2:
        return (), np.zeros((0, 0))
    matrix = correlations(np.stack([drawn_in(values) for values in columns.values()], axis=1))
    others = np.abs(matrix - np.diag(np.diag(matrix))).max(axis=0)
    kept = np.sort(np.argsort(-others, kind="stable")[:MOST_CORRELATED])
    return tuple(names[place] for place in kept.tolist()), matrix[np.ix_(kept, kept)]
