import math

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics as reference

from phoropter.metrics import named
from phoropter.metrics.interval import bootstrap_ends, interval
from phoropter.metrics.resampling import resample_counts


def coverage(make, name, *, samples, trials, resamples=600):
    """How often intervals of small tables hold the value of a very large one."""
    metric = named(name)
    true_value = metric(make(400_000, 1))
    held = 0
    for trial in range(trials):
        low, high = interval(metric, make(samples, 2 + trial), resamples=resamples, seed=trial)
        held += low <= true_value <= high
    return held / trials


def test_each_resample_draws_as_many_as_there_are():
    pieces = list(resample_counts(7000, 100, seed=0))
    counts = np.concatenate(pieces)
    assert len(pieces) > 1
    assert counts.shape == (100, 7000)
    np.testing.assert_array_equal(counts.sum(axis=1), 7000)


def test_counts_are_multinomial():
    counts = np.concatenate(list(resample_counts(50, 4000, seed=1)))
    assert counts.mean() == pytest.approx(1.0)
    assert counts.var() == pytest.approx(1 - 1 / 50, rel=0.02)
    together = np.cov(counts[:, 0], counts[:, 1])[0, 1]
    assert together == pytest.approx(-1 / 50, abs=0.05)


def test_the_seed_decides(classifier):
    table = classifier(200)
    first = interval(named("macro_f1"), table, seed=1)
    assert first == interval(named("macro_f1"), table, seed=1)
    assert first != interval(named("macro_f1"), table, seed=2)


def test_ends_as_scipy_bca():
    values = np.random.default_rng(0).exponential(size=(120,))

    def mean(weights):
        return weights @ values / weights.sum(axis=1)

    draws = np.concatenate([mean(piece) for piece in resample_counts(120, 60_000, seed=0)])
    expected = stats.bootstrap(
        (values,), np.mean, n_resamples=60_000, method="BCa", rng=np.random.default_rng(1)
    ).confidence_interval
    assert bootstrap_ends(mean, draws, 120) == pytest.approx(tuple(expected), abs=0.008)


def test_ends_of_a_mean_as_the_normal_law(regressor):
    table = regressor(5000)
    errors = np.abs(table.values - table.truth)
    low, high = interval(named("mae"), table, resamples=4000)
    half = 1.96 * errors.std() / math.sqrt(5000)
    assert (high - low) / 2 == pytest.approx(half, rel=0.05)


def test_a_flawless_classifier_is_not_certain(classifier):
    table = classifier(100, skill=50.0)
    low, high = interval(named("accuracy"), table)
    assert high == 1.0
    exact = stats.binomtest(100, 100).proportion_ci(method="exact")
    assert low == pytest.approx(exact.low, abs=0.002)


def test_a_hopeless_classifier_is_not_certain_either(from_probabilities):
    table = from_probabilities(np.ones(100), np.tile([0.9, 0.1], (100, 1)))
    low, high = interval(named("accuracy"), table)
    exact = stats.binomtest(0, 100).proportion_ci(method="exact")
    assert low == 0.0
    assert high == pytest.approx(exact.high, abs=0.002)


def test_the_rarest_class_bounds_what_was_not_seen(from_probabilities):
    truth = np.array([0] * 90 + [1] * 10)
    sure = np.where(truth[:, None] == np.arange(2), 0.99, 0.01)
    low, _ = interval(named("macro_recall"), from_probabilities(truth, sure))
    assert low == pytest.approx(1 - 3.69 / 10 / 2, abs=0.001)


@pytest.mark.parametrize("name", ["roc_auc", "average_precision"])
@pytest.mark.parametrize("sure", [0.55, 0.99])
def test_a_flawless_order_is_not_certain_however_unsure_the_scores_are(
    name, sure, from_probabilities
):
    truth = np.array([0] * 17 + [1] * 3)
    positive = np.where(truth == 1, sure, 0.01)
    table = from_probabilities(truth, np.stack([1 - positive, positive], axis=1))
    low, high = interval(named(name), table)
    assert low < 0.9
    assert high == 1.0
    worst = from_probabilities(truth, np.stack([positive, 1 - positive], axis=1))
    low, high = interval(named("roc_auc"), worst)
    assert low == 0.0
    assert high > 0.1


@pytest.mark.parametrize(("count", "right"), [(20, 1), (2, 1)])
def test_a_calibration_error_does_not_exceed_one(count, right, from_probabilities):
    table = from_probabilities(np.arange(count) < right, np.tile([0.01, 0.99], (count, 1)))
    low, high = interval(named("ece"), table)
    assert 0 <= low < high <= 1


@pytest.mark.parametrize("name", ["accuracy", "macro_f1", "roc_auc", "ece", "log_loss"])
def test_the_interval_holds_the_value(name, classifier):
    for seed in range(10):
        table = classifier(30, prior=(0.7, 0.2, 0.1), seed=seed)
        low, high = interval(named(name), table, resamples=200, seed=seed)
        assert low <= named(name)(table) <= high


def test_not_defined_stays_not_defined(from_probabilities):
    one_class = from_probabilities([0, 0, 0], np.full((3, 2), 0.5))
    assert all(math.isnan(end) for end in interval(named("roc_auc"), one_class))
    unknown = from_probabilities([-1, -1], np.full((2, 2), 0.5))
    assert all(math.isnan(end) for end in interval(named("accuracy"), unknown))


def test_too_few_defined_resamples_give_no_interval(from_probabilities):
    # One positive in a hundred: 37 % of the resamples lack it, which is still enough.
    truth = np.array([1] + [0] * 99)
    draw = np.random.default_rng(0)
    score = draw.uniform(size=100)
    table = from_probabilities(truth, np.stack([1 - score, score], axis=1))
    assert not math.isnan(interval(named("roc_auc"), table)[0])
    draws = np.where(np.arange(100) < 40, 0.5, np.nan)
    ends = bootstrap_ends(named("roc_auc").weighted(table), draws, 100)
    assert all(math.isnan(end) for end in ends)


def test_agrees_with_drawing_rows_one_by_one(classifier):
    table = classifier(400, prior=(0.6, 0.4))
    draw = np.random.default_rng(5)
    slow = []
    for _ in range(400):
        rows = draw.integers(0, 400, 400)
        called = table.predicted[rows]
        slow.append(reference.f1_score(table.truth[rows], called, average="macro"))
    low, high = interval(named("macro_f1"), table, resamples=4000)
    assert (low, high) == pytest.approx(tuple(np.quantile(slow, [0.025, 0.975])), abs=0.012)


@pytest.mark.parametrize("name", ["accuracy", "macro_f1"])
def test_coverage_is_not_far_off(name, classifier):
    held = coverage(
        lambda count, seed: classifier(count, skill=1.6, seed=seed), name, samples=200, trials=250
    )
    assert 0.91 <= held <= 0.985  # three standard errors of 250 trials around 95 %


@pytest.mark.nightly
@pytest.mark.parametrize("name", ["accuracy", "macro_f1", "roc_auc", "log_loss", "brier"])
def test_coverage_of_class_metrics_is_95_percent(name, classifier):
    held = coverage(
        lambda count, seed: classifier(count, skill=1.6, seed=seed), name, samples=300, trials=1500
    )
    assert 0.93 <= held <= 0.97


@pytest.mark.nightly
@pytest.mark.parametrize("name", ["mae", "rmse", "r2"])
def test_coverage_of_value_metrics_is_95_percent(name, regressor):
    held = coverage(lambda count, seed: regressor(count, seed=seed), name, samples=300, trials=1500)
    assert 0.93 <= held <= 0.97
