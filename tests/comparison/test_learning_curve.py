import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import nnls

from phoropter.comparison.learning_curve import (
    FAMILIES,
    POWERS,
    PRIOR,
    SCALES,
    fit,
    members,
    values,
)

SIZES = np.array([125.0, 250.0, 500.0, 1000.0])
KNOWN = members(SIZES, present=1000.0)
BEYOND = members(np.array([2000.0, 4000.0]), present=1000.0)


def _of(family):
    return np.flatnonzero(KNOWN.family == FAMILIES.index(family))


@given(
    power=st.integers(0, len(POWERS) - 1),
    scale=st.floats(0.02, 0.3),
    rest=st.floats(0.0, 0.3),
)
@settings(max_examples=30, deadline=None)
def test_an_exact_power_law_is_recovered_and_continued(power, scale, rest):
    def error(samples):
        return scale * (samples / 1000) ** -POWERS[power] + rest

    fits = fit(error(SIZES)[None], KNOWN, np.full(4, 1e4))
    at = _of("power law with a rest")[power]
    assert fits.misfit[0, at] == pytest.approx(0, abs=1e-6)
    assert fits.scale[0, at] == pytest.approx(scale, rel=1e-6)
    continued = values(fits, BEYOND)[0, at]
    np.testing.assert_allclose(continued, error(np.array([2000.0, 4000.0])), rtol=1e-6)


@pytest.mark.parametrize("place", range(len(SCALES)))
def test_an_exact_exponential_is_recovered(place):
    exact = 0.2 * np.exp(-SIZES / 1000 / SCALES[place]) + 0.1
    fits = fit(exact[None], KNOWN, np.full(4, 1e4))
    at = _of("exponential")[place]
    assert (fits.scale[0, at], fits.rest[0, at]) == pytest.approx((0.2, 0.1))


def test_an_exact_logarithm_is_recovered():
    exact = 0.4 - 0.05 * np.log(SIZES / 1000)
    fits = fit(exact[None], KNOWN, np.full(4, 1e4))
    (at,) = _of("logarithm")
    assert (fits.scale[0, at], fits.rest[0, at]) == pytest.approx((0.05, 0.4))


def test_every_fit_is_that_of_non_negative_least_squares():
    draw = np.random.default_rng(0)
    curves = draw.uniform(0, 0.6, (20, 4))
    weights = draw.uniform(0.5, 2, 4)
    fits = fit(curves, KNOWN, weights)
    root = np.sqrt(weights)
    for curve, errors in enumerate(curves):
        for at in np.flatnonzero(~KNOWN.signed):
            columns = [KNOWN.shapes[at], np.ones(4)][: 1 + KNOWN.rested[at]]
            _, residual = nnls(np.stack(columns, axis=1) * root[:, None], errors * root)
            assert fits.misfit[curve, at] == pytest.approx(residual**2, abs=1e-9)


def test_no_fit_rises():
    curves = np.random.default_rng(1).uniform(0, 1, (50, 4))
    assert np.all(fit(curves, KNOWN, np.ones(4)).scale >= 0)
    assert np.all(np.diff(values(fit(curves, KNOWN, np.ones(4)), KNOWN), axis=2) <= 1e-12)


def test_usual_powers_are_believed_most_and_all_beliefs_sum_to_one():
    known = members(np.array([100.0, 200.0]), present=200)
    assert known.prior.sum() == pytest.approx(1)
    for number, share in enumerate(PRIOR.values()):
        own = known.prior[known.family == number]
        assert own.sum() == pytest.approx(share)
        if len(own) == len(POWERS):
            assert POWERS[own.argmax()] == pytest.approx(0.3, abs=0.05)
