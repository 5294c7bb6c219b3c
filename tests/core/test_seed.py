import subprocess
import sys

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from phoropter.core.seed import derive, generator

names = st.lists(st.text(max_size=6) | st.integers(), max_size=3)


def test_the_numbers_are_these_for_ever():
    """A changed derivation would change every split and every run there is."""
    assert derive(0, "split") == 1947725093899964015
    assert derive(7, "order", 3) == 2396369170524145093


def test_another_process_draws_the_same():
    code = "from phoropter.core.seed import generator; print(generator(3, 'a', 1).random())"
    drawn = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout
    assert float(drawn) == generator(3, "a", 1).random()


@given(st.integers(0, 2**63), names)
def test_a_seed_fits_into_63_bits(seed, purpose):
    assert 0 <= derive(seed, *purpose) < 2**63


def test_seeds_and_names_do_not_collide():
    derived = [derive(seed, name, at) for seed in range(20) for name in "abc" for at in range(20)]
    assert len(set(derived)) == len(derived)
    assert derive(1, "1") != derive(11)
    assert derive(0, "a", "b") != derive(0, "ab")


def test_streams_of_different_names_are_unrelated():
    streams = np.stack([generator(0, "stream", at).standard_normal(4000) for at in range(20)])
    correlations = np.corrcoef(streams)[np.triu_indices(20, 1)]
    assert np.abs(correlations).max() < 5 / np.sqrt(4000)


def test_one_consumer_does_not_disturb_another():
    first = generator(0, "a")
    expected = generator(0, "b").random(5)
    first.random(1000)
    assert np.array_equal(generator(0, "b").random(5), expected)


def test_numpys_own_state_is_left_alone():
    before = np.random.get_state()[1].tobytes()  # noqa: NPY002 - it is what must not move
    generator(0, "a").random(10)
    assert np.random.get_state()[1].tobytes() == before  # noqa: NPY002
