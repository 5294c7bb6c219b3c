"""Texts and rows of tables as a page shows them: the cells, shortened."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import polars as pl

from phoropter.core.records import Dataset

MOST_LETTERS = 320
MOST_CELLS = 24

Excerpt = Mapping[str, str]
"""The shown cells of a sample, by column."""


def shown_columns(dataset: Dataset) -> tuple[str, ...]:
    """The columns of an excerpt: the first inputs, then the targets."""
    return (*dataset.inputs[:MOST_CELLS], *dataset.targets)


def excerpts_of(dataset: Dataset, ids: Iterable[str]) -> dict[str, Excerpt]:
    """The cells of these samples, by identifier; those that are not there are left out."""
    columns = shown_columns(dataset)
    rows = dataset.table.filter(pl.col("id").is_in(list(ids))).select("id", *columns)
    return {
        str(identifier): {name: _cell(value) for name, value in zip(columns, cells, strict=True)}
        for identifier, *cells in rows.iter_rows()
    }


def _cell(value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, list):
        value = ", ".join(map(str, value))
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    return text if len(text) <= MOST_LETTERS else f"{text[:MOST_LETTERS]} …"
