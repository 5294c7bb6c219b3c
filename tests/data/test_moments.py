from datetime import datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from phoropter.core.errors import NothingUsableError, UsageError
from phoropter.core.records import Dataset
from phoropter.data.chronology import runs_of_time, unit_moments
from phoropter.data.moments import stamp_of, with_moments


def images(paths, root="/nowhere", **columns):
    table = pl.DataFrame({"id": paths, "path": paths, **columns})
    return Dataset("x", Path(root), "folders", "", "classification", ("label",), table)


def ranks(dataset, source):
    return with_moments(dataset, source)[0].table["moment"].to_list()


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["10", "9", "9", "-1.5"], [2, 1, 1, 0]),
        (["2024-05-01", "2023-12-31", "2024-05-01T00:00:01", "2024-05-01 00:00"], [1, 0, 2, 1]),
        (["2024-05-01T09:00:00+09:00", "2024-05-01T01:00:00Z"], [0, 1]),
        (["2024:05:01 09:00:00", "2024:05:01 08:59:59"], [1, 0]),
        (["31.12.2023", "01.01.2024", "15.06.2023"], [1, 2, 0]),
    ],
)
def test_columns_of_numbers_and_dates(cells, expected):
    paths = [f"{number}.png" for number in range(len(cells))]
    assert ranks(images(paths, taken=cells), "taken") == expected


def test_typed_columns():
    times = [datetime(2024, 5, day) for day in (3, 1, 2)]
    paths = ["a.png", "b.png", "c.png"]
    assert ranks(images(paths, taken=times), "taken") == [2, 0, 1]
    assert ranks(images(paths, taken=[0.5, 0.25, 0.5]), "taken") == [1, 0, 1]


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (["2024-05-01", None], "1 of 2 samples have no time: 'taken' is blank"),
        (["2024-05-01", "soon"], "'taken' does not tell the time of every sample.*'soon'"),
        (["05/06/2024", "06/05/2024"], "for example '05/06/2024'"),
        (["2024-05-01", "31.05.2024"], "for example '2024-05-01'"),
        (["2024-05-01T09:00:00Z", "2024-05-01T09:00:00"], "does not tell the time"),
        (["nan", "1"], "does not tell the time"),
    ],
)
def test_columns_that_tell_no_time(cells, message):
    with pytest.raises(UsageError, match=message):
        with_moments(images(["a.png", "b.png"], taken=cells), "taken")


def test_a_column_that_is_not_there():
    with pytest.raises(UsageError, match="no column 'tken'") as caught:
        with_moments(images(["a.png"], taken=["1"]), "tken")
    assert caught.value.hint == "Did you mean 'taken'?"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("IMG_20240501_101112.jpg", datetime(2024, 5, 1, 10, 11, 12)),
        ("PXL_20240501_101112345.jpg", datetime(2024, 5, 1, 10, 11, 12, 345000)),
        ("Screenshot 2024-05-01 at 10.11.12.png", datetime(2024, 5, 1)),
        ("2024-05-01T10:11:12.5.png", datetime(2024, 5, 1, 10, 11, 12, 500000)),
        ("2024-02-31.png", None),
        ("20240501999.png", None),
        ("12024050112.png", None),
        ("0001TP_006690.png", None),
        ("2024-05.01.png", None),
    ],
)
def test_stamps_in_names(name, expected):
    assert stamp_of(f"folder_20200101/{name}") == expected


@given(st.datetimes(datetime(1990, 1, 1), datetime(2099, 1, 1)))
def test_stamps_that_cameras_write_are_read_back(time):
    assert stamp_of(f"cam {time:%Y%m%d_%H%M%S}.jpg") == time.replace(microsecond=0)
    assert stamp_of(f"left_{time:%Y-%m-%d-%H-%M-%S-%f}.png") == time


def test_the_camera_comes_before_names_and_names_before_the_order(tmp_path):
    days = (3, 1, 2)
    names = [f"2024010{day}_000000.jpg" for day in (1, 2, 3)]
    for name, day in zip(names, days, strict=True):
        exif = Image.Exif()
        exif.get_ifd(0x8769)[0x9003] = f"2024:05:{day:02d} 09:00:00"
        Image.new("L", (8, 8)).save(tmp_path / name, exif=exif)
    dataset = images(names, tmp_path)
    assert ranks(dataset, "found") == [2, 0, 1]
    Image.new("L", (8, 8)).save(tmp_path / names[1])
    found, why = with_moments(dataset, "found")
    assert found.table["moment"].to_list() == [0, 1, 2]
    assert why == "The time is stated in the files' names."
    found, why = with_moments(images(["f10.png", "f9.png", "f8.png"], tmp_path), "found")
    assert found.table["moment"].to_list() == [2, 1, 0]
    assert why == "The order of the files' names is taken for that of time."


def test_rows_are_in_the_order_of_their_file():
    table = pl.DataFrame({"id": ["a.csv#line10", "a.csv#line9"], "path": ["a.csv"] * 2})
    dataset = Dataset("x", Path("/x"), "table", "", "regression", (), table, modality="table")
    assert ranks(dataset, "found") == ranks(dataset, "order") == [1, 0]


moments = st.lists(st.integers(0, 40), min_size=3, max_size=200)


@given(moments=moments, shares=st.sampled_from([(0.6, 0.2, 0.2), (0.98, 0.01, 0.01), (0.5, 0.5)]))
def test_runs_follow_each_other_and_divide_no_moment(moments, shares):
    times = np.array(moments)
    if len(set(moments)) < len(shares):
        with pytest.raises(NothingUsableError, match="different moments cannot be cut"):
            runs_of_time(times, shares)
        return
    run = runs_of_time(times, shares)
    assert set(run) == set(range(len(shares)))
    for earlier in range(len(shares) - 1):
        assert times[run == earlier].max() < times[run == earlier + 1].min()
    # A boundary is never further from the wanted place than the largest moment is long,
    # but where each run needs a moment of its own.
    largest = np.unique(times, return_counts=True)[1].max()
    if len(set(moments)) > 10 * len(shares) and min(shares) > 0.1:
        assert abs((run == 0).mean() - shares[0]) <= largest / len(times)


def test_units_are_as_late_as_their_latest_sample():
    table = pl.DataFrame({"unit": ["a", "b", "a"], "moment": [5, 1, 3]})
    assert unit_moments(table).to_list() == [5, 1, 5]
