import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy import stats

from phoropter.diagnosis import curves

numbers = st.floats(-100, 100, allow_nan=False).map(lambda value: round(value, 3))


@given(st.lists(numbers, min_size=5, max_size=60), st.sampled_from([0.9, 0.95, 0.99]))
def test_slope_is_that_of_scipy(values, confidence):
    x = np.arange(len(values)) * 1.5
    ours = curves.slope(x, values, confidence=confidence)
    theirs = stats.theilslopes(values, x, alpha=confidence)
    assert ours.value == pytest.approx(theirs.slope, abs=1e-12)
    assert ours.low == pytest.approx(theirs.low_slope, abs=1e-12)
    assert ours.high == pytest.approx(theirs.high_slope, abs=1e-12)


@given(st.lists(numbers, min_size=6, max_size=40), st.lists(st.integers(0, 9), min_size=6))
@example([0.0] * 6, [0, 0, 0, 0, 0, 1])
def test_slope_with_repeated_x_is_that_of_scipy(values, places):
    n = min(len(values), len(places))
    x = np.sort(np.array(places[:n], float))
    if np.ptp(x) == 0:
        assert curves.slope(x, values[:n]).value == 0
        return
    ours = curves.slope(x, values[:n])
    with np.errstate(invalid="ignore"):  # of scipy's interval, where all values are the same
        theirs = stats.theilslopes(values[:n], x)
    assert ours.value == pytest.approx(theirs.slope, abs=1e-12)


def test_the_interval_holds_the_true_slope_about_as_often_as_it_says():
    draws = np.random.default_rng(0)
    x = np.arange(20.0)
    hits = 0
    for _ in range(400):
        found = curves.slope(x, 0.3 * x + draws.normal(size=20))
        hits += found.low <= 0.3 <= found.high
    assert 0.92 <= hits / 400 <= 0.98


def test_long_curves_are_thinned_and_keep_their_slope():
    x = np.arange(5000.0)
    assert curves.slope(x, -2 * x).value == pytest.approx(-2)


@pytest.mark.parametrize("sigma", [0.01, 0.1, 1.0])
def test_noise_is_measured_under_a_trend_and_spikes(sigma):
    draws = np.random.default_rng(1)
    x = np.arange(200)
    y = 5 - 0.01 * x + sigma * draws.normal(size=200)
    y[50] += 100
    assert curves.noise(y) == pytest.approx(sigma, rel=0.2)


@given(st.lists(numbers, min_size=3, max_size=50), numbers, numbers)
def test_noise_does_not_see_straight_lines(values, slope, offset):
    line = slope * np.arange(len(values)) + offset
    assert curves.noise(np.array(values) + line) == pytest.approx(curves.noise(values), abs=1e-9)


@given(st.lists(numbers, min_size=1, max_size=50))
def test_smoothing_keeps_the_ends_and_the_range(values):
    smooth = curves.smooth(values)
    assert smooth[0] == values[0]
    assert smooth[-1] == values[-1]
    assert min(values) <= smooth.min() <= smooth.max() <= max(values)


@given(st.lists(numbers, min_size=2, max_size=50), st.booleans())
def test_best_position_points_at_a_best_value(values, greater):
    place = curves.best_position(values, greater_is_better=greater)
    best = max(values) if greater else min(values)
    assert values[round(place * (len(values) - 1))] == best


def test_white_noise_turns_at_two_thirds_of_its_points():
    noise = np.random.default_rng(2).normal(size=5000)
    assert curves.sign_changes(noise) == pytest.approx(2 / 3, abs=0.02)
    assert curves.sign_changes([1, 2]) == 0


@pytest.mark.parametrize("short", [[], [1.0], [1.0, 2.0]])
def test_short_curves_have_no_noise_and_an_open_interval(short):
    assert curves.noise(short) == 0
    assert curves.smooth(short).tolist() == short
    if len(short) < 2:
        assert curves.slope(range(len(short)), short).high == np.inf
