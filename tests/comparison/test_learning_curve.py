from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from phoropter.comparison.learning_curve import (
    FALLS,
    FAMILIES,
    POWERS,
    RESTS,
    SCALES,
    TWO_CLASSES,
    Belief,
    members,
    posterior,
    usual,
)

SIZES = np.array([125.0, 250.0, 500.0, 1000.0])
KNOWN = members(SIZES, present=1000.0)
BEYOND = members(np.array([2000.0, 4000.0]), present=1000.0)


def _of(family):
    return np.flatnonzero(KNOWN.family == FAMILIES.index(family))


def _forecast(found):
    return found.weight @ (found.present[:, None] * BEYOND.shapes)


def test_every_shape_is_one_at_the_present_and_falls():
    assert KNOWN.shapes[:, -1] == pytest.approx(1.0)
    assert np.all(np.diff(KNOWN.shapes, axis=1) < 0)
    assert np.all(np.diff(BEYOND.shapes, axis=1) <= 0)
    assert np.all(BEYOND.shapes >= 0)


@pytest.mark.parametrize(
    ("family", "count", "shape"),
    [
        ("power law", len(POWERS), lambda share, at: share ** -POWERS[at]),
        ("logarithm", len(FALLS), lambda share, at: 1 - FALLS[at] * np.log(share)),
        ("inverse logarithm", 1, lambda share, _: np.log(1000) / np.log(1000 * share)),
    ],
)
def test_families_without_a_rest_are_what_they_are_called(family, count, shape):
    assert len(_of(family)) == count
    for number, at in enumerate(_of(family)):
        expected = np.maximum(shape(SIZES / 1000, number), 0)
        np.testing.assert_allclose(KNOWN.shapes[at], expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("family", "fall"),
    [
        ("power law with a rest", [lambda share, p=p: share**-p for p in POWERS]),
        ("exponential", [lambda share, s=s: np.exp((1 - share) / s) for s in SCALES]),
    ],
)
def test_families_with_a_rest_keep_it_for_ever(family, fall):
    at = _of(family).reshape(len(RESTS), len(fall))
    for row, rest in enumerate(RESTS):
        for column, curve in enumerate(fall):
            expected = rest + (1 - rest) * curve(SIZES / 1000)
            np.testing.assert_allclose(KNOWN.shapes[at[row, column]], expected, rtol=1e-12)


@given(
    power=st.integers(0, len(POWERS) - 1),
    rest=st.integers(0, len(RESTS) - 1),
    scale=st.floats(0.02, 0.3),
)
@settings(max_examples=30, deadline=None)
def test_a_curve_without_noise_is_recognised_and_continued(power, rest, scale):
    def error(samples):
        return scale * (RESTS[rest] + (1 - RESTS[rest]) * (samples / 1000) ** -POWERS[power])

    found = posterior(error(SIZES), np.diag((1e-5 * error(SIZES)) ** 2), KNOWN)
    later = error(np.array([2000.0, 4000.0]))
    np.testing.assert_allclose(_forecast(found), later, rtol=0.01)


def test_one_member_as_by_numerical_integration():
    """Weight, mean and deviation against the integral over the present error."""
    draw = np.random.default_rng(0)
    deviation = np.sqrt([4e-4, 2e-4, 1e-4, 1e-4])
    apart = np.abs(np.subtract.outer(np.arange(4), np.arange(4)))
    covariance = 0.5**apart * np.outer(deviation, deviation)
    errors = draw.multivariate_normal(0.2 * (SIZES / 1000) ** -0.4, covariance)
    noise = stats.multivariate_normal(np.zeros(4), covariance)
    found = posterior(errors, covariance, KNOWN)
    evidence = np.empty(len(KNOWN.prior))
    for at, shape in enumerate(KNOWN.shapes):

        def density(present, shape=shape):
            return noise.pdf(errors - present * shape)

        center = found.present[at]
        reach = 8 * found.deviation[at]
        window = (center - reach, center + reach)
        evidence[at] = integrate.quad(density, *window, points=[center])[0]
        if at % 40 == 0:
            mean = integrate.quad(lambda e, d=density: e * d(e), *window, points=[center])[0]
            square = integrate.quad(lambda e, d=density: e * e * d(e), *window, points=[center])[0]
            mean, square = mean / evidence[at], square / evidence[at]
            assert found.present[at] == pytest.approx(mean, rel=1e-5)
            assert found.deviation[at] == pytest.approx(np.sqrt(square - mean**2), rel=1e-3)
    expected = KNOWN.prior * evidence
    np.testing.assert_allclose(found.weight, expected / expected.sum(), rtol=1e-4, atol=1e-9)


def test_noise_leaves_what_was_believed_before():
    found = posterior(np.array([0.4, 0.3, 0.25, 0.2]), 1e4 * np.eye(4), KNOWN)
    by_family = np.bincount(KNOWN.family, found.weight)
    # Shapes that reach high where there are few samples pin the present error down more closely.
    np.testing.assert_allclose(by_family, np.bincount(KNOWN.family, KNOWN.prior), atol=0.04)


def test_a_curve_that_levels_off_is_not_taken_for_one_that_falls_on():
    flat = posterior(np.array([0.31, 0.303, 0.3005, 0.3]), 1e-6 * np.eye(4), KNOWN)
    steep = posterior(0.3 * (SIZES / 1000) ** -0.7, 1e-6 * np.eye(4), KNOWN)
    assert _forecast(flat)[1] > 0.28
    assert _forecast(steep)[1] < 0.15


def test_beliefs_are_dealt_out_to_families_and_members():
    belief = Belief(power=0.5, spread=0.5, restless=0.4, others=0.2)
    known = members(SIZES, present=1000.0, belief=belief)
    shares = np.bincount(known.family, known.prior)
    np.testing.assert_allclose(shares, [0.48, 0.32, 0.05, 0.1, 0.05])
    laws = known.prior[known.family == FAMILIES.index("power law")]
    assert POWERS[laws.argmax()] == pytest.approx(0.5, abs=0.06)
    with_rest = known.prior[known.family == 0].reshape(len(RESTS), len(POWERS))
    assert np.all(np.diff(with_rest.sum(axis=1)) < 0)
    assert KNOWN.prior.sum() == pytest.approx(1)
    alike = members(SIZES, present=1000.0, belief=replace(belief, small=0.0))
    of_rests = alike.prior[known.family == 0].reshape(len(RESTS), len(POWERS)).sum(axis=1)
    assert of_rests == pytest.approx(0.48 / len(RESTS))


def test_two_classes_are_expected_to_level_off_sooner():
    noisy = (np.array([0.34, 0.32, 0.3, 0.28]), 4e-4 * np.eye(4))
    later = []
    for classes in (2, 10):
        found = posterior(*noisy, members(SIZES, present=1000.0, belief=usual(classes)))
        later.append(float(_forecast(found)[1]))
    assert later[0] > later[1]
    assert usual(2) == TWO_CLASSES
    assert members(SIZES, present=1000.0, belief=usual(3)).prior == pytest.approx(KNOWN.prior)
