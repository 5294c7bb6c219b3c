from pathlib import Path

import numpy as np
import polars as pl
import pytest

from phoropter.core.errors import UsageError
from phoropter.core.records import Dataset
from phoropter.data.number_columns import number_columns


def table(**columns):
    frame = pl.DataFrame(columns)
    return Dataset(
        "toy",
        Path(),
        "table",
        "toy",
        "classification",
        (),
        frame,
        modality="table",
        inputs=tuple(columns),
    )


def test_numbers_and_flags_become_doubles_in_the_order_of_the_columns():
    values = number_columns(table(b=[1, 2, 3], a=[0.5, 1e300, -1.0], c=[True, False, True]))
    assert values.dtype == np.float64
    assert values.tolist() == [[1, 0.5, 1], [2, 1e300, 0], [3, -1, 1]]


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"a": [1], "b": ["x"]}, "hold words: 'b'"),
        ({"a": [1.0, None], "b": [1.0, 2.0]}, "have gaps: 'a'"),
        ({"a": [1.0, float("inf")]}, "have gaps: 'a'"),
        ({f"w{n}": ["x"] for n in range(8)}, "'w4' and 3 more"),
    ],
)
def test_other_columns_are_named(columns, said):
    with pytest.raises(UsageError, match=said):
        number_columns(table(**columns))
