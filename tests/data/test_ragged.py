import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from phoropter.data.ragged import polygons_column

RINGS = st.lists(st.lists(st.floats(-1e6, 1e6), max_size=6), min_size=1, max_size=3)


@given(st.lists(st.none() | RINGS, max_size=12))
def test_the_column_is_the_one_that_polars_makes(values):
    expected = pl.Series("polygons", values, dtype=pl.List(pl.List(pl.Float64)))
    assert polygons_column(values).equals(expected, null_equal=True, check_dtypes=True)


def test_no_polygon_is_null():
    assert polygons_column([[]]).to_list() == [None]
    assert polygons_column([]).dtype == pl.List(pl.List(pl.Float64))
