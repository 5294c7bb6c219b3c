import numpy as np
import pytest

from phoropter.core.errors import UsageError
from phoropter.metrics import named
from phoropter.metrics.slices import ConfusedPair, confused_pairs, losses, sliced, worst


def test_by_words(classifier):
    table = classifier(90)
    column = np.array(["night", "day", None] * 30, dtype=object)
    found = sliced(table, "accuracy", column)
    assert [item.value for item in found] == ["day", "night"]
    for item, start in zip(found, (1, 0), strict=True):
        part = table.take(np.arange(start, 90, 3))
        assert (item.metric.value, item.metric.n) == (named("accuracy")(part), 30)


def test_words_that_are_missing_form_no_slice(classifier):
    column = ["night", float("nan"), None] * 30
    for given in (column, np.array(column, dtype=object)):
        [found] = sliced(classifier(90), "accuracy", given)
        assert (found.value, found.metric.n) == ("night", 30)


def test_few_numbers_are_values_of_their_own(regressor):
    found = sliced(regressor(40), "mae", [1, 2] * 20)
    assert [(item.value, item.metric.n) for item in found] == [("1", 20), ("2", 20)]


def test_many_numbers_are_cut_into_quarters(classifier):
    column = np.arange(101, dtype=np.float64)
    column[-1] = np.nan
    found = sliced(classifier(101), "accuracy", column)
    assert [item.value for item in found] == [
        "0 to 24.75",
        "24.75 to 49.5",
        "49.5 to 74.25",
        "74.25 to 99",
    ]
    assert [item.metric.n for item in found] == [25] * 4


def test_a_skewed_column_makes_fewer_slices(classifier):
    column = np.r_[np.zeros(80), np.arange(1, 21)]
    found = sliced(classifier(100), "accuracy", column)
    assert sum(item.metric.n for item in found) == 100
    assert 1 <= len(found) < 4


def test_a_column_of_another_length_is_refused(classifier):
    with pytest.raises(UsageError, match="3 values cannot slice 4"):
        sliced(classifier(4), "accuracy", [1, 2, 3])


def test_worst_are_the_largest_losses(from_probabilities):
    table = from_probabilities([0, 0, -1, 1], [[0.5, 0.5], [0.1, 0.9], [0.5, 0.5], [0.0, 1.0]])
    assert worst(table, 2) == ("s1", "s0")
    assert worst(table, 99) == ("s1", "s0", "s3")
    assert worst(table, 0) == ()
    np.testing.assert_allclose(losses(table)[:2], [np.log(2), np.log(10)])
    assert np.isnan(losses(table)[2])


def test_worst_numbers(from_values):
    table = from_values([[0.0, 0.0], [0.0, 0.0]], [[1.0, 0.0], [1.0, 2.0]])
    assert worst(table, 1) == ("s1",)
    assert losses(table).tolist() == [0.5, 2.5]


def test_confused_pairs(from_probabilities):
    called = np.array([1, 1, 0, 2, 0, 0])
    table = from_probabilities([0, 0, 0, 1, 2, -1], np.eye(3)[called])
    assert confused_pairs(table, 2) == (
        ConfusedPair("c0", "c1", 2, pytest.approx(2 / 3)),
        ConfusedPair("c1", "c2", 1, 1.0),
    )
    assert len(confused_pairs(table, 10)) == 3
