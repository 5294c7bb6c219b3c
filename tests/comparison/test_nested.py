import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from phoropter.comparison.nested import nested_blocks


def _blocks(strata, units, **options):
    return {
        (block.level, block.draw): set(block.chosen.tolist())
        for block in nested_blocks(
            strata, units, **{"halvings": 3, "draws": 8, "seed": 0} | options
        )
    }


@given(
    sizes=st.lists(st.integers(1, 40), min_size=1, max_size=5),
    seed=st.integers(0, 9),
)
@settings(max_examples=30, deadline=None)
def test_blocks_of_a_level_are_a_partition_into_parts_of_the_level_below(sizes, seed):
    strata = np.repeat(np.arange(len(sizes)), sizes)
    n = len(strata)
    found = _blocks(strata, np.arange(n), seed=seed)
    for level in (1, 2, 3):
        level_blocks = [chosen for (at, _), chosen in found.items() if at == level]
        assert sum(map(len, level_blocks)) == n
        assert set().union(*level_blocks) == set(range(n))
        assert max(map(len, level_blocks)) <= n / 2**level + 1
    for (level, draw), chosen in found.items():
        if level > 1:
            assert chosen <= found[(level - 1, draw // 2)]


def test_every_block_has_its_share_of_every_class():
    strata = np.repeat([0, 1, 2], [160, 80, 16])
    for (level, _), chosen in _blocks(strata, np.arange(256)).items():
        counts = np.bincount(strata[sorted(chosen)], minlength=3)
        assert np.all(np.abs(counts - np.array([160, 80, 16]) / 2**level) <= 1)


def test_what_belongs_together_is_never_divided():
    units = np.random.default_rng(0).integers(0, 30, 300)
    for chosen in _blocks(np.zeros(300, int), units).values():
        inside = set(units[sorted(chosen)])
        outside = set(units[sorted(set(range(300)) - chosen)])
        assert not inside & outside


def test_fewer_draws_leave_out_blocks_and_change_none():
    strata = np.arange(64) % 2
    few, all_of_them = (_blocks(strata, np.arange(64), draws=draws) for draws in (1, 8))
    assert set(few) == {(3, 0), (2, 0), (1, 0)}
    assert all(all_of_them[key] == chosen for key, chosen in few.items())
