import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from phoropter.core.errors import CorruptFileError
from phoropter.core.predictions import (
    ClassPredictions,
    ValuePredictions,
    read_predictions,
    write_predictions,
)

# What a folder or a column may be called: anything but a null character and half a surrogate.
words = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=6)
odd = st.sampled_from(
    ["", "p:", "p:id", "id", "truth", "value:x", "a/b", "é", "고양이", " ", "nan"]
)
names = st.lists(words | odd, min_size=1, max_size=5, unique=True).map(tuple)


@st.composite
def class_predictions(draw):
    classes = draw(names)
    ids = draw(st.lists(words | odd, max_size=6))
    shape = (len(ids), len(classes))
    return ClassPredictions(
        ids=np.array(ids, dtype=np.str_),
        truth=draw(arrays.arrays(np.int64, shape[0], elements=st.integers(-1, shape[1] - 1))),
        probabilities=draw(arrays.arrays(np.float64, shape, elements=st.floats(0, 1))),
        classes=classes,
    )


@st.composite
def value_predictions(draw):
    targets = draw(names)
    ids = draw(st.lists(words | odd, max_size=6))
    cells = arrays.arrays(np.float64, (len(ids), len(targets)), elements=st.floats())
    return ValuePredictions(np.array(ids, dtype=np.str_), draw(cells), draw(cells), targets)


def test_classes_come_back_as_they_were(tmp_path):
    @settings(max_examples=50)
    @given(class_predictions())
    def check(given_ones):
        write_predictions(tmp_path / "p.parquet", given_ones)
        read = read_predictions(tmp_path / "p.parquet")
        assert isinstance(read, ClassPredictions)
        assert read.classes == given_ones.classes
        assert read.ids.tolist() == given_ones.ids.tolist()
        assert np.array_equal(read.truth, given_ones.truth)
        assert np.array_equal(read.probabilities, given_ones.probabilities)
        assert (read.truth.dtype, read.probabilities.dtype) == (np.int64, np.float64)

    check()


def test_values_come_back_as_they_were(tmp_path):
    @settings(max_examples=50)
    @given(value_predictions())
    def check(given_ones):
        write_predictions(tmp_path / "p.parquet", given_ones)
        read = read_predictions(tmp_path / "p.parquet")
        assert isinstance(read, ValuePredictions)
        assert read.names == given_ones.names
        assert read.ids.tolist() == given_ones.ids.tolist()
        assert np.array_equal(read.truth, given_ones.truth, equal_nan=True)
        assert np.array_equal(read.values, given_ones.values, equal_nan=True)
        assert read.values.shape == given_ones.values.shape

    check()


@pytest.fixture
def three():
    return ClassPredictions(
        ids=np.array(["a", "b", "c"]),
        truth=np.array([0, 1, -1]),
        probabilities=np.array([[0.9, 0.1], [0.4, 0.6], [0.5, 0.5]]),
        classes=("no", "yes"),
    )


def test_predicted_and_taken(three):
    assert three.predicted.tolist() == [0, 1, 0]
    twice = three.take(np.array([2, 0, 0]))
    assert len(twice) == 3
    assert twice.ids.tolist() == ["c", "a", "a"]
    assert twice.truth.tolist() == [-1, 0, 0]
    assert twice.probabilities[0].tolist() == [0.5, 0.5]
    values = ValuePredictions(three.ids, np.eye(3), -np.eye(3), ("x", "y", "z"))
    assert values.take(np.array([1])).values.tolist() == [[-0.0, -1.0, -0.0]]
    assert (values.kind, three.kind) == ("values", "classes")


def test_a_file_damaged_anywhere_is_never_read_as_something_else(three, tmp_path):
    path = tmp_path / "p.parquet"
    write_predictions(path, three)
    whole = path.read_bytes()
    for length in range(0, len(whole), 37):
        path.write_bytes(whole[:length])
        with pytest.raises(CorruptFileError) as caught:
            read_predictions(path)
        assert str(path) in caught.value.message
        assert caught.value.hint


@pytest.mark.parametrize(
    "columns",
    [
        {"x": [1]},
        {"id": ["a"]},
        {"id": ["a"], "p:x": [0.5]},
        {"id": ["a"], "value:x": [0.5]},
        {"id": ["a"], "truth": ["one"], "p:x": [0.5]},
        {"id": ["a"], "truth": [0], "p:x": ["much"]},
        {"id": ["a"], "truth:x": ["one"], "value:x": [0.5]},
    ],
)
def test_a_table_of_something_else_is_damaged(tmp_path, columns):
    path = tmp_path / "p.parquet"
    pl.DataFrame(columns).write_parquet(path)
    with pytest.raises(CorruptFileError):
        read_predictions(path)


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(CorruptFileError, match=r"none\.parquet"):
        read_predictions(tmp_path / "none.parquet")
