import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import false_discovery_control, kstest
from sklearn.neighbors import NearestNeighbors

from phoropter.look.isolation import FALSE_SHARE, believed, isolation


def logs_of(points, count=20):
    """Logarithms of the distances to the nearest others."""
    search = NearestNeighbors(n_neighbors=count + 1).fit(points)
    return np.log(search.kneighbors(points)[0][:, 1:])


@pytest.mark.parametrize("dimension", [2, 4, 8])
def test_chance_alone_makes_the_probability_uniform(dimension):
    points = np.random.default_rng(dimension).normal(size=(3000, dimension))
    apart = np.exp(-isolation(logs_of(points)))
    assert kstest(apart, "uniform").statistic < 0.05


@pytest.mark.parametrize("dimension", [2, 8])
def test_pairs_of_random_points_are_seldom_believed(dimension):
    """In one set of twenty, as promised; more than 6 of 40 would be so once in a thousand times."""
    found = 0
    for seed in range(40):
        points = np.random.default_rng(seed).normal(size=(500, dimension))
        search = NearestNeighbors(n_neighbors=21).fit(points)
        distances, rows = search.kneighbors(points)
        own, other = np.arange(len(points)), rows[:, 1]
        first = own[(other[other] == own) & (own < other)]
        apart = isolation(np.log(distances[:, 1:]))[np.stack([first, other[first]])].min(axis=0)
        found += believed(apart, len(apart)).any()
    assert found <= 6


def test_the_unit_of_the_distance_does_not_matter():
    table = logs_of(np.random.default_rng(0).normal(size=(100, 5)))
    assert isolation(table / 3) == pytest.approx(isolation(table))


def test_neighbours_that_are_missing_do_not_count():
    table = logs_of(np.random.default_rng(0).normal(size=(100, 5)), count=12)
    wider = np.concatenate([table, np.full((100, 8), np.inf)], axis=1)
    assert isolation(wider) == pytest.approx(isolation(table))


chances = st.lists(st.floats(1e-12, 1.0), min_size=1, max_size=60)


@given(chances, st.integers(0, 40))
def test_as_many_are_believed_as_two_stages_allow(chances, more):
    """The reference: scipy's adjusted p-values, in two rounds."""
    share, tested = FALSE_SHARE / (1 + FALSE_SHARE), len(chances) + more
    adjusted = false_discovery_control([*chances, *[1.0] * more])[: len(chances)]
    first = int((adjusted <= share).sum())
    second = adjusted * max(tested - first, 1) / tested <= share
    unclear = np.isclose(adjusted, share) | np.isclose(adjusted * (tested - first) / tested, share)
    found = believed(-np.log(chances), tested)
    assert (found == second)[~unclear].all() or unclear.any()


def test_nothing_is_believed_where_there_is_nothing():
    assert believed(np.zeros(0), 0).tolist() == []
    rng = np.random.default_rng(0)
    false = [believed(rng.exponential(size=200), 200).any() for _ in range(300)]
    assert np.mean(false) < 2 * FALSE_SHARE
