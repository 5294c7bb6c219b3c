import numpy as np
import pytest

from phoropter.look.components import principal


@pytest.mark.parametrize("shape", [(300, 40), (40, 300)], ids=["covariance", "randomized"])
def test_components_are_the_singular_vectors_of_the_centred_columns(shape):
    rng = np.random.default_rng(0)
    signal = rng.normal(size=(shape[0], 3)) * [9.0, 5.0, 3.0]
    columns = signal @ rng.normal(size=(3, shape[1])) + 0.01 * rng.normal(size=shape) + 7.0
    found = principal(columns, 3, seed=0, name="test")
    _, scales, vectors = np.linalg.svd(columns - columns.mean(axis=0), full_matrices=False)
    np.testing.assert_allclose(found.singular_values_, scales[:3], rtol=1e-4)
    likeness = np.abs(np.sum(found.components_ * vectors[:3], axis=1))
    np.testing.assert_allclose(likeness, 1.0, atol=1e-6)


def test_the_same_seed_gives_the_same_components():
    columns = np.random.default_rng(1).normal(size=(50, 80)).astype(np.float32)
    first, second = (principal(columns, 5, seed=3, name="test") for _ in range(2))
    np.testing.assert_array_equal(first.components_, second.components_)
    other = principal(columns, 5, seed=4, name="test")
    assert not np.array_equal(first.components_, other.components_)
