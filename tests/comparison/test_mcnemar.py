from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from phoropter.comparison.mcnemar import detectable, discordant, exact_p, power


@given(only_a=st.integers(0, 3000), only_b=st.integers(0, 3000))
def test_as_the_binomial_test(only_a, only_b):
    if only_a + only_b == 0:
        assert exact_p(0, 0) == 1.0
        return
    expected = stats.binomtest(only_a, only_a + only_b, 0.5).pvalue
    if expected < 1e-290:  # there that test itself rounds to zero
        expected = by_counting(only_a, only_b)
    assert exact_p(only_a, only_b) == pytest.approx(expected, rel=1e-9, abs=1e-300)


def by_counting(only_a, only_b):
    """The same p-value in whole numbers: how many of all 2^n outcomes are as uneven."""
    total = only_a + only_b
    ways, tail = 1, 0
    for count in range(min(only_a, only_b) + 1):
        tail += ways
        ways = ways * (total - count) // (count + 1)
    return min(1.0, float(Fraction(2 * tail, 2**total)))


@given(only_a=st.integers(0, 40), only_b=st.integers(0, 1500))
def test_as_counted(only_a, only_b):
    expected = by_counting(only_a, only_b)
    assert exact_p(only_a, only_b) == pytest.approx(expected, rel=1e-9, abs=1e-300)


@pytest.mark.parametrize(("only_a", "only_b", "chi_squared_p"), [(11, 1, 0.0094), (25, 15, 0.155)])
def test_close_to_the_corrected_chi_squared(only_a, only_b, chi_squared_p):
    corrected = (abs(only_a - only_b) - 1) ** 2 / (only_a + only_b)
    assert stats.chi2.sf(corrected, 1) == pytest.approx(chi_squared_p, abs=5e-4)
    assert exact_p(only_a, only_b) == pytest.approx(chi_squared_p, abs=0.005)


def test_discordant_by_hand(rivals):
    a, b = rivals(200, seed=0)
    right = np.stack([a.predicted == a.truth, b.predicted == b.truth])
    assert discordant(a, b) == (int((right[0] > right[1]).sum()), int((right[1] > right[0]).sum()))
    assert discordant(a, a) == (0, 0)


def test_the_power_is_that_of_every_outcome_in_turn():
    """Three samples kinds: only a right, only b right, neither; all outcomes of 12 samples."""
    expected, shares = 0.0, np.array([0.1, 0.5, 0.4])
    for only_a in range(13):
        for only_b in range(13 - only_a):
            if only_b > only_a and exact_p(only_a, only_b) <= 0.05:
                outcome = [only_a, only_b, 12 - only_a - only_b]
                expected += stats.multinomial.pmf(outcome, 12, shares)
    assert power(12, 0.1, 0.5, level=0.05) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(("samples", "only_b"), [(5000, 0.059), (50_000, 0.049)])
def test_on_many_samples_the_power_is_that_of_the_normal_law(samples, only_b):
    """Connor, "Sample size for testing differences in proportions for the paired-sample design"."""
    only_a, level = 0.045, 0.05
    share, delta = only_a + only_b, only_b - only_a
    limit = stats.norm.isf(level / 2) * share**0.5
    normal = stats.norm.cdf((samples**0.5 * delta - limit) / (share - delta**2) ** 0.5)
    assert power(samples, only_a, only_b, level=level) == pytest.approx(normal, abs=0.02)


def test_equals_are_found_better_half_as_often_as_the_level():
    assert 0.01 < power(2000, 0.05, 0.05, level=0.05) <= 0.025
    assert power(100, 0.0, 0.0, level=0.05) == 0.0
    assert power(3, 0.0, 1.0, level=0.05) == 0.0  # three of three: p = .25


@pytest.mark.parametrize(("samples", "share"), [(200, 0.2), (1000, 0.05), (5000, 0.1)])
def test_what_is_detectable_is_found_in_four_cases_of_five(samples, share):
    delta = detectable(samples, share, level=0.0125)
    reached, below = (
        power(samples, (share - one) / 2, (share + one) / 2, level=0.0125)
        for one in (delta, 0.97 * delta)
    )
    assert below < 0.8 <= reached


def test_too_few_samples_that_tell_two_apart_show_nothing():
    assert detectable(100, 0.02, level=0.05) is None
    assert detectable(100, 0.0, level=0.05) is None
