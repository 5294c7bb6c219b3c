from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from phoropter.comparison.mcnemar import discordant, exact_p


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
