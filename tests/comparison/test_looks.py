import pytest
from hypothesis import given
from hypothesis import strategies as st

from phoropter.comparison.looks import threshold
from phoropter.core.errors import UsageError


@given(looks=st.integers(1, 2000), alpha=st.floats(0.001, 0.5))
def test_all_looks_together_spend_less_than_alpha(looks, alpha):
    spent = sum(threshold(look, alpha) for look in range(1, looks + 1))
    assert spent == pytest.approx(alpha * looks / (looks + 1))
    assert spent < alpha


def test_every_look_is_harder_than_the_one_before():
    steps = [threshold(look) for look in range(1, 50)]
    assert steps == sorted(steps, reverse=True)
    assert steps[0] == 0.0125


@pytest.mark.parametrize(("look", "alpha"), [(0, 0.05), (-1, 0.05), (1, 0.0), (1, 1.0)])
def test_nonsense_is_refused(look, alpha):
    with pytest.raises(UsageError):
        threshold(look, alpha)
