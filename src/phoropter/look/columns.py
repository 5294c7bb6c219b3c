"""The inputs of a table, column by column, as the checks on tables look at them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl
from numpy.typing import NDArray

from phoropter.core.records import Dataset
from phoropter.data.row_columns import MOSTLY, is_identifier, is_time, numbers_of
from phoropter.look.evidence import LookEvidence

MOST_CATEGORIES = 50
"""Different values from which a column of text is no set of categories."""

Column = NDArray[np.float64]


def inputs_of(dataset: Dataset) -> Iterator[pl.Series]:
    """The input columns, in the order of the file."""
    for name in dataset.inputs:
        yield dataset.table[name]


def number_columns(dataset: Dataset) -> dict[str, Column]:
    """Columns of numbers, shape (n,) each, NaN where a cell is missing or no number.

    Of columns that are mixed, the numbers count; columns that only name rows are left out.
    """
    found = {}
    for column in inputs_of(dataset):
        if is_identifier(column):
            continue
        numbers = column if column.dtype.is_numeric() else meant_as_numbers(column)
        if numbers is not None:
            found[column.name] = numbers.cast(pl.Float64).fill_null(float("nan")).to_numpy()
    return found


def meant_as_numbers(column: pl.Series) -> pl.Series | None:
    """The numbers of a text column most of whose filled cells are numbers, else None."""
    numbers = numbers_of(column)
    filled = len(column) - column.null_count()
    if not filled or len(column) - numbers.null_count() < MOSTLY * filled:
        return None
    return numbers


def category_columns(dataset: Dataset) -> dict[str, pl.Series]:
    """Columns of text with few different values, null where a cell is missing."""
    return {
        column.name: column
        for column in inputs_of(dataset)
        if column.dtype == pl.String
        and meant_as_numbers(column) is None
        and not is_time(column)
        and 0 < column.drop_nulls().n_unique() <= MOST_CATEGORIES
    }


def target_values(evidence: LookEvidence) -> NDArray[np.float64] | NDArray[np.str_] | None:
    """Classes (str) or the first number (float64) to be predicted, shape (n,); None if neither."""
    if evidence.labels is not None:
        return evidence.labels
    dataset = evidence.dataset
    if dataset.task != "regression":
        return None
    return dataset.table[dataset.targets[0]].cast(pl.Float64).to_numpy()
