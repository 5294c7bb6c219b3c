import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from phoropter.look import neighbours
from phoropter.look.neighbours import Neighbours, merged, picture_vectors, unit_vectors
from phoropter.look.neighbours import vector_neighbours as near_rows


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(5, 40), st.integers(1, 4), st.integers(2, 6))
def test_neighbours_equal_those_by_brute_force(seed, count, wanted, dimensions):
    vectors = np.random.default_rng(seed).normal(size=(count, dimensions)).astype(np.float32)
    distances = cdist(vectors, vectors)
    np.fill_diagonal(distances, np.inf)
    near = near_rows(vectors, wanted, seed=0)
    assert near.distances == pytest.approx(np.sort(distances, axis=1)[:, :wanted], abs=1e-3)
    assert (near.rows != np.arange(count)[:, None]).all()


def test_cells_find_what_lies_close(monkeypatch):
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(600, 16)).astype(np.float32)
    twins = vectors[:50] + rng.normal(scale=0.05, size=(50, 16)).astype(np.float32)
    every = np.concatenate([vectors, twins])
    monkeypatch.setattr(neighbours, "WHOLE_SEARCH_ROWS", 100)
    monkeypatch.setattr(neighbours, "CELL_ROWS", 20)
    near = near_rows(every, 3, seed=0)
    assert near.rows[:50, 0].tolist() == list(range(600, 650))
    assert near.rows[600:, 0].tolist() == list(range(50))


def test_cells_that_hold_too_few_say_so(monkeypatch):
    monkeypatch.setattr(neighbours, "WHOLE_SEARCH_ROWS", 10)
    monkeypatch.setattr(neighbours, "CELL_ROWS", 1)
    monkeypatch.setattr(neighbours, "CELLS_PROBED", 1)
    vectors = np.random.default_rng(0).normal(size=(30, 4)).astype(np.float32)
    near = near_rows(vectors, 3, seed=0)
    assert (near.rows == -1).any()
    assert (np.isinf(near.distances) == (near.rows == -1)).all()


def test_merging_drops_the_row_itself_and_its_repeats():
    plain = Neighbours(np.array([[0, 1, 2], [1, 0, 2]]), np.array([[0.0, 2.0, 3.0]] * 2))
    other = Neighbours(np.array([[4, 3, -1], [3, 4, 5]]), np.array([[1.0, 1.5, np.inf]] * 2))
    both = merged([plain, other], 3, period=3)
    assert both.rows.tolist() == [[4, 2, -1], [3, 2, -1]]


def test_flat_pictures_show_nothing():
    thumbnails = np.stack([np.full((32, 32), 200), np.arange(1024).reshape(32, 32) % 251])
    assert picture_vectors(thumbnails.astype(np.uint8))[1].tolist() == [False, True]


def test_unit_vectors_rank_by_the_cosine():
    rng = np.random.default_rng(0)
    features = rng.normal(size=(300, 400)).astype(np.float32)
    units = unit_vectors(features, seed=0)
    assert units.shape == (300, 256)
    scaled = unit_vectors(features * rng.uniform(1, 5, (300, 1)).astype(np.float32), seed=0)
    assert cdist(units, units) == pytest.approx(cdist(scaled, scaled), abs=1e-3)
