"""The corrected resampled t test against published figures and by simulation."""

import numpy as np
import pytest
from scipy import stats
from sklearn.datasets import make_moons
from sklearn.model_selection import RepeatedStratifiedKFold, cross_val_score
from sklearn.svm import SVC

from phoropter.comparison.folds import compare_folds, corrected_t
from phoropter.comparison.paired import judged
from phoropter.core.errors import UsageError


def test_as_scikit_learn_publishes_it():
    """ "Statistical comparison of models using grid search" of its user guide: t .750, p .227."""
    features, truth = make_moons(noise=0.352, random_state=1, n_samples=100)
    folds = RepeatedStratifiedKFold(n_splits=10, n_repeats=10, random_state=0)
    rbf, linear = (
        cross_val_score(
            SVC(kernel=kernel, random_state=0), features, truth, cv=folds, scoring="roc_auc"
        )
        for kernel in ("rbf", "linear")
    )
    found = corrected_t(rbf - linear, test_to_train=10 / 90)
    assert (rbf.mean(), linear.mean()) == pytest.approx((0.94, 0.93), abs=5e-4)
    assert found.p_value / 2 == pytest.approx(0.227, abs=5e-4)
    assert stats.t.isf(found.p_value / 2, 99) == pytest.approx(0.750, abs=5e-4)


def test_without_overlap_it_is_the_t_test():
    differences = np.random.default_rng(0).normal(0.3, 1, 12)
    found = corrected_t(differences, test_to_train=1e-12)
    plain = stats.ttest_1samp(differences, 0)
    assert found.p_value == pytest.approx(plain.pvalue)
    assert (found.low, found.high) == pytest.approx(tuple(plain.confidence_interval()))


def test_by_hand():
    found = corrected_t(np.array([1.0, 2.0, 3.0, 4.0, 5.0]), test_to_train=0.25)
    # Mean 3, variance 2.5: the standard error is sqrt((1/5 + 1/4) 2.5) = 1.0607.
    assert found.delta == 3
    assert found.p_value == pytest.approx(2 * stats.t.sf(3 / 1.06066, 4), rel=1e-5)


def test_folds_of_equals_are_rarely_told_apart_where_a_plain_t_test_errs():
    """Nearest neighbour with two blunt sets of features, equally useless, over ten folds."""
    corrected = plain = 0
    for trial in range(300):
        draw = np.random.default_rng(trial)
        truth, one, other = draw.integers(0, 2, 60), *draw.normal(size=(2, 60, 3))
        fold = draw.permutation(60) % 10
        differences = []
        for held in range(10):
            out = fold == held
            right = []
            for features in (one, other):
                gaps = ((features[out, None] - features[None, ~out]) ** 2).sum(axis=2)
                right.append(np.mean(truth[~out][gaps.argmin(axis=1)] == truth[out]))
            differences.append(right[1] - right[0])
        corrected += corrected_t(np.array(differences), test_to_train=1 / 9).p_value <= 0.05
        plain += stats.ttest_1samp(differences, 0).pvalue <= 0.05
    assert corrected / 300 <= 0.05
    assert plain > corrected


@pytest.mark.parametrize("value", [0.0, 0.02])
def test_folds_that_all_agree_say_nothing_of_their_spread(value):
    found = corrected_t(np.full(5, value), test_to_train=0.25)
    assert (found.delta, found.p_value) == (value, 1.0)


@pytest.mark.parametrize("metric", ["roc_auc", "log_loss"])
def test_a_fold_on_which_the_metric_is_not_defined_decides_nothing(rivals, metric):
    found = corrected_t(np.array([0.1, np.nan, 0.2]), test_to_train=0.5)
    assert np.isnan(found.delta)
    assert found.p_value == 1.0
    assert judged(found, metric, names=("a", "b"), looks=1, method="").verdict == "undecided"


def test_two_folds_or_no_ratio_are_refused():
    with pytest.raises(UsageError, match="2 folds cannot tell"):
        corrected_t(np.array([0.1, 0.2]), test_to_train=1.0)
    with pytest.raises(UsageError, match="no ratio"):
        corrected_t(np.zeros(4), test_to_train=0.0)


def test_the_verdict_over_folds(rivals):
    parts = [rivals(200, seed, edge=1.0) for seed in range(5)]
    found = compare_folds(
        [a for a, _ in parts],
        [b for _, b in parts],
        "log_loss",
        names=("a", "b"),
        looks=1,
        test_to_train=0.25,
    )
    assert (found.verdict, found.trainings) == ("better", 5)
    assert found.low < found.delta < found.high < 0
    assert found.method.startswith("Corrected resampled t test over 5 folds")
