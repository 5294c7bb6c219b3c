import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ks_2samp
from sklearn.linear_model import Ridge
from sklearn.metrics import roc_auc_score

from phoropter.look.permutation import areas, largest_gaps, out_of_fold, p_value, shuffles


@given(st.integers(0, 10_000), st.integers(5, 60))
def test_gap_equals_scipys(seed, count):
    rng = np.random.default_rng(seed)
    values = rng.integers(0, 12, count).astype(float)  # many ties
    second = np.arange(count) % 3 == 0
    reference = ks_2samp(values[~second], values[second]).statistic
    assert largest_gaps(values, second[:, None])[0] == pytest.approx(reference, abs=1e-12)


@given(st.integers(0, 10_000), st.integers(4, 60))
def test_area_equals_scikit_learns(seed, count):
    rng = np.random.default_rng(seed)
    scores = rng.integers(0, 9, (count, 3)).astype(float)
    positive = np.stack([rng.permutation(np.arange(count) % 2 == 0) for _ in range(3)], axis=1)
    reference = [roc_auc_score(positive[:, column], scores[:, column]) for column in range(3)]
    assert areas(scores, positive) == pytest.approx(reference, abs=1e-12)


def test_out_of_fold_predictions_equal_ridge_fitted_fold_by_fold():
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(103, 6)) * [1, 10, 0.1, 3, 1, 1]
    inputs[:, 5] = 7.0
    targets = rng.normal(size=(103, 2))
    got = out_of_fold(inputs, targets, np.random.default_rng(5))
    fold = np.random.default_rng(5).permutation(np.arange(103) % 5)
    columns = inputs[:, :5] / inputs[:, :5].std(axis=0)
    for held_out in range(5):
        fit = fold != held_out
        model = Ridge(alpha=0.01 * fit.sum()).fit(columns[fit], targets[fit])
        assert got[~fit] == pytest.approx(model.predict(columns[~fit]), abs=1e-9)


@given(st.integers(0, 1_000))
def test_shuffles_stay_within_strata(seed):
    rng = np.random.default_rng(seed)
    strata = rng.integers(0, 3, 30)
    labels = rng.integers(0, 2, 30)
    drawn = shuffles(labels, strata, 20, rng)
    assert (drawn[:, 0] == labels).all()
    for stratum in range(3):
        rows = strata == stratum
        assert (drawn[rows].sum(axis=0) == labels[rows].sum()).all()


def test_p_values_are_uniform_where_nothing_differs():
    rng = np.random.default_rng(3)
    values = np.array([p_value(rng.normal(size=100)) for _ in range(2_000)])
    for level in (0.01, 0.1, 0.5):
        assert np.mean(values <= level) == pytest.approx(level, abs=3.5 * np.sqrt(level / 2_000))


def test_p_value_is_never_zero():
    assert p_value(np.array([9.0, 1.0, 2.0])) == pytest.approx(1 / 3)
