import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn import metrics as reference

from phoropter.core.predictions import ValuePredictions
from phoropter.metrics import named
from phoropter.metrics.regression import mape_caution

REFERENCES = {
    "mae": reference.mean_absolute_error,
    "mse": reference.mean_squared_error,
    "rmse": reference.root_mean_squared_error,
    "mape": reference.mean_absolute_percentage_error,
    "r2": reference.r2_score,
}
numbers = st.floats(-100, 100, allow_subnormal=False).map(lambda value: round(value, 3))


@st.composite
def predictions(draw):
    shape = (draw(st.integers(2, 20)), draw(st.integers(1, 3)))
    truth = draw(arrays(np.float64, shape, elements=numbers))
    values = draw(arrays(np.float64, shape, elements=numbers))
    names = tuple("xyz"[: shape[1]])
    return ValuePredictions(np.arange(shape[0]).astype(np.str_), truth, values, names)


@pytest.mark.parametrize("name", sorted(REFERENCES))
@settings(max_examples=40)
@given(table=predictions())
def test_as_scikit_learn(name, table):
    expected = REFERENCES[name](table.truth, table.values)
    assert named(name)(table) == pytest.approx(expected, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("name", sorted(REFERENCES))
def test_as_scikit_learn_to_the_last_digits(name, regressor):
    table = regressor(1000, numbers=3)
    expected = REFERENCES[name](table.truth, table.values)
    assert named(name)(table) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(("shift", "expected"), [(0.0, 1.0), (1.0, 0.0)])
def test_r2_of_a_constant(shift, expected, from_values):
    truth = np.full((5, 1), 0.1)
    assert named("r2")(from_values(truth, truth + shift)) == expected
    assert reference.r2_score(truth, truth + shift) == expected


def test_r2_keeps_its_digits_far_from_zero(from_values):
    draw = np.random.default_rng(0)
    truth = 1e8 + draw.normal(size=(100, 1))
    values = truth + 0.3 * draw.normal(size=(100, 1))
    expected = reference.r2_score(truth, values)
    assert named("r2")(from_values(truth, values)) == pytest.approx(expected, rel=1e-9)


def test_mape_is_cautioned_about_exactly_when_a_truth_is_near_zero(from_values):
    truth = np.array([[10.0], [12.0], [0.05], [9.0]])
    assert mape_caution(from_values(truth, truth)).startswith("mape is dominated by 1 of 4")
    assert mape_caution(from_values(truth + 1, truth)) == ""
    assert mape_caution(from_values(np.full((3, 1), np.nan), np.ones((3, 1)))) == ""


@settings(max_examples=40)
@given(table=predictions(), factor=st.floats(0.5, 2.0))
def test_errors_scale_with_the_unit(table, factor):
    assume(table.truth.any())
    scaled = ValuePredictions(table.ids, table.truth * factor, table.values * factor, table.names)
    assert named("rmse")(scaled) == pytest.approx(factor * named("rmse")(table), abs=1e-9)
    assert named("mae")(scaled) == pytest.approx(factor * named("mae")(table), abs=1e-9)
