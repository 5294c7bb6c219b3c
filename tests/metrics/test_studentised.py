import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from phoropter.comparison.paired import difference_ends
from phoropter.core.predictions import ClassPredictions
from phoropter.metrics import named
from phoropter.metrics.evaluate import evaluate
from phoropter.metrics.interval import interval
from phoropter.metrics.resampling import bootstrap
from phoropter.metrics.studentised import of_difference, of_metric, studentised_ends

OF_VALUES = ("mae", "mse", "rmse", "mape", "r2")
OF_CLASSES = ("accuracy", "log_loss", "brier", "roc_auc")


def derivatives(weighted, weights, step=1e-5):
    """Of the statistic by each sample's share, by small steps."""
    rows = []
    for row in weights:
        moved = row + step * np.eye(len(row))
        rows.append((weighted(moved) - weighted(row[None])) / step * row.sum())
    return np.array(rows)


def as_derived(metric, table):
    weights = np.random.default_rng(1).integers(0, 4, (3, len(table))).astype(float)
    found = metric.contributions(table)(weights)
    expected = derivatives(metric.weighted(table), weights)
    np.testing.assert_allclose(found, expected, atol=2e-4 * np.abs(expected).max())
    np.testing.assert_allclose((weights * found).sum(axis=1), 0.0, atol=1e-9)


@pytest.mark.parametrize("name", OF_VALUES)
@pytest.mark.parametrize("numbers", [1, 3])
def test_contributions_of_numbers_are_derivatives(name, numbers, regressor):
    as_derived(named(name), regressor(40, numbers=numbers))


@pytest.mark.parametrize("name", OF_CLASSES)
@pytest.mark.parametrize("prior", [(0.5, 0.5), (0.5, 0.3, 0.2)])
def test_contributions_of_classes_are_derivatives(name, prior, classifier):
    as_derived(named(name), classifier(40, prior=prior))


def test_contributions_to_the_area_are_derivatives_where_scores_are_tied(from_probabilities):
    draw = np.random.default_rng(0)
    score = draw.integers(0, 5, 40) / 4
    table = from_probabilities(draw.integers(0, 2, 40), np.stack([1 - score, score], axis=1))
    as_derived(named("roc_auc"), table)


def test_ends_as_a_bootstrap_t_written_out(regressor):
    """The logarithm of the mean squared error, whose standard error is that of a mean over it."""
    table = regressor(200, seed=3)
    errors = ((table.values - table.truth) ** 2)[:, 0]
    draw = np.random.default_rng(0)
    pivots = []
    for _ in range(20_000):
        drawn = draw.choice(errors, 50)
        error = drawn.std() / math.sqrt(50) / drawn.mean()
        pivots.append((math.log(drawn.mean()) - math.log(errors.mean())) / error)
    error = errors.std() / math.sqrt(200) / errors.mean()
    expected = errors.mean() * np.exp(-error * np.quantile(pivots, [0.975, 0.025]))
    assert interval(named("mse"), table, resamples=20_000) == pytest.approx(expected, rel=0.02)


@pytest.mark.parametrize("unit", [1e-7, 1000, 1e7])
def test_a_unit_changes_nothing_but_the_unit(regressor, unit):
    table = regressor(80)
    scaled = replace(table, truth=unit * table.truth, values=unit * table.values)
    for name, power in (("mae", 1), ("rmse", 1), ("mse", 2), ("mape", 0), ("r2", 0)):
        low, high = interval(named(name), table)
        assert low < high
        expected = (unit**power * low, unit**power * high)
        assert interval(named(name), scaled) == pytest.approx(expected)


def test_the_ends_stay_within_the_range(from_values):
    draw = np.random.default_rng(0)
    truth = draw.normal(size=(30, 1))
    table = from_values(truth, truth + 0.01 * draw.standard_t(3, size=(30, 1)))
    low, high = interval(named("r2"), table)
    assert low < named("r2")(table) < high < 1
    assert interval(named("rmse"), table)[0] > 0


def test_equal_errors_leave_nothing_open(from_values):
    truth = np.arange(20.0)[:, None]
    assert interval(named("rmse"), from_values(truth, truth + 0.1)) == pytest.approx((0.1, 0.1))
    assert interval(named("rmse"), from_values(truth, truth)) == (0.0, 0.0)
    assert interval(named("mae"), from_values(truth[:1], truth[:1] + 2)) == (2.0, 2.0)


def test_two_samples_are_too_few(from_values):
    table = from_values([[0.0], [0.0]], [[1.0], [3.0]])
    assert all(math.isnan(end) for end in interval(named("mae"), table))


@pytest.mark.parametrize(
    "errors",
    [
        [0.0] * 47 + [1.0, 2.0, 5.0],  # every twentieth resample of all samples has no error at all
        [1.0 + 1e-9 * n for n in range(49)] + [100.0],  # a third of them nearly no spread
    ],
)
def test_odd_errors_have_an_end(errors, from_values):
    truth = np.arange(50.0)[:, None]
    table = from_values(truth, truth + np.array(errors)[:, None])
    for name in ("mae", "rmse"):
        low, high = interval(named(name), table)
        assert 0 <= low < named(name)(table) < high < math.inf


def gross(from_values, *, size, count, seen=1, others=1.0):
    """Predictions of which one or a few miss by far."""
    errors = others * np.random.default_rng(0).normal(size=count)
    errors[count // 2 :][:seen] = size
    truth = np.arange(float(count))[:, None]
    return from_values(truth, truth + errors[:, None])


@pytest.mark.parametrize("size", [100.0, 1e4, 1e8, 1e38])
@pytest.mark.parametrize(
    ("count", "seen"), [(8, 1), (30, 1), (30, 2), (50, 3), (100, 2), (100, 8), (100, 12), (300, 1)]
)
def test_gross_errors_may_come_as_often_as_their_count_allows(size, count, seen, from_values):
    """Then all of the mean is these errors'."""
    table = gross(from_values, size=size, count=count, seen=seen)
    most = stats.binomtest(seen, count).proportion_ci(method="exact").high
    for name, power in (("mse", 1.0), ("rmse", 0.5)):
        value = named(name)(table)
        low, high = interval(named(name), table)
        assert low < value < high <= (most * size**2 * (1 + 1e-9) + 4) ** power
    low, high = interval(named("mae"), table)
    assert low < named("mae")(table) < high <= most * size * (1 + 1e-9) + 2


@pytest.mark.parametrize(("count", "seen"), [(30, 1), (50, 3), (100, 2), (300, 1)])
def test_of_r2_gross_errors_count_as_well(count, seen, from_values):
    """Beside them the spread of the truth matters, so that its own chance has a part."""
    table = gross(from_values, size=1e4, count=count, seen=seen)
    low, high = interval(named("r2"), table)
    value = named("r2")(table)
    most = stats.binomtest(seen, count).proportion_ci(method="exact").high
    assert 1.2 * value * most * count / seen < low < value < high <= 1


def test_a_gross_error_among_none_is_judged_by_its_count_alone(from_values):
    """Most resamples have no error at all, and so nothing to be divided by."""
    low, high = interval(named("mse"), gross(from_values, size=10.0, count=100, others=0.0))
    shares = stats.binomtest(1, 100).proportion_ci(method="exact")
    assert (low, high) == pytest.approx((100 * shares.low, 100 * shares.high))


def test_a_sample_far_from_all_others_may_also_have_come_too_often(from_values):
    truth = np.random.default_rng(0).normal(size=(100, 1))
    truth[0] = 1000.0  # and is met: R2 is all its own
    table = from_values(truth, truth + np.random.default_rng(1).normal(size=(100, 1)))
    low, high = interval(named("r2"), table)
    assert 0 < low < named("r2")(table) < high <= 1


@pytest.mark.parametrize("seen", [20, 50])
def test_of_many_gross_errors_resamples_tell(seen, from_values):
    table = gross(from_values, size=1e4, count=100, seen=seen)
    assert of_metric(named("rmse"), table)._counted() is None
    assert interval(named("rmse"), table)[1] < 2 * named("rmse")(table)


def test_small_errors_that_differ_are_not_ruled_by_the_largest(from_values):
    errors = np.sqrt([0.05, 0.2, 0.5, 1.0, 4.0])[:, None]
    table = from_values(np.arange(5.0)[:, None], np.arange(5.0)[:, None] + errors)
    assert of_metric(named("rmse"), table)._counted() is None


def test_a_difference_turned_over_is_the_other_difference(regressor):
    a, b = regressor(100, seed=1), regressor(100, seed=2)
    b = replace(b, truth=a.truth)
    ends = [
        studentised_ends([of_difference(named("rmse"), *pair)], resamples=500, seed=0)[0]
        for pair in ((a, b), (b, a))
    ]
    assert ends[0] == pytest.approx((-ends[1][1], -ends[1][0]))


def test_a_difference_of_means_of_many_samples_as_the_t_test(classifier):
    a = classifier(500, seed=0)
    probabilities = 0.8 * a.probabilities + 0.1
    b = replace(a, probabilities=probabilities)
    losses = [-np.log(t.probabilities[np.arange(500), t.truth]) for t in (a, b)]
    expected = stats.ttest_rel(losses[1], losses[0]).confidence_interval()
    found = of_difference(named("log_loss"), a, b)
    ends = studentised_ends([found], resamples=4000, seed=0)[0]
    assert ends == pytest.approx(tuple(expected), abs=0.07 * (expected.high - expected.low))


def test_bounded_metrics_are_not_studentised_alone(classifier):
    table = classifier(50)
    assert of_metric(named("accuracy"), table) is None
    assert of_metric(named("macro_f1"), table) is None
    assert of_difference(named("macro_f1"), table, table) is None
    many = classifier(501)
    assert of_difference(named("accuracy"), many, many) is None


def test_several_metrics_share_their_resamples(regressor):
    table = regressor(60)
    alone = {name: interval(named(name), table) for name in OF_VALUES}
    together = evaluate(table, names=OF_VALUES)
    assert {found.name: (found.low, found.high) for found in together} == alone


def test_fewer_samples_are_drawn_than_there_are(regressor):
    found = of_metric(named("rmse"), regressor(400))
    assert found.drawn == 100
    counts = lambda weights: weights.sum(axis=1)  # noqa: E731
    drawn = bootstrap([counts], 400, resamples=10, seed=0, drawn=found.drawn)
    np.testing.assert_array_equal(drawn, 100)
    assert of_metric(named("rmse"), regressor(10)).drawn == 10


@pytest.mark.nightly
@pytest.mark.parametrize("name", ["mae", "rmse", "r2"])
def test_coverage_under_heavy_tails_is_95_percent(name, from_values):
    """Errors of the t distribution with five degrees of freedom, whose squares have no skewness."""

    def make(count, seed):
        draw = np.random.default_rng(seed)
        truth = draw.normal(10.0, 3.0, size=(count, 1))
        return from_values(truth, truth + draw.standard_t(5, size=truth.shape))

    true_value = named(name)(make(1_000_000, 1))
    held = 0
    for trial in range(1500):
        low, high = interval(named(name), make(300, 2 + trial), resamples=600, seed=trial)
        held += low <= true_value <= high
    assert 0.93 <= held / 1500 <= 0.97


@pytest.mark.parametrize("apart", [1, 2, 5])
def test_few_samples_that_tell_models_apart_are_no_proof(apart):
    """One of 61 answers better than the other model's: an interval there is, and it holds zero."""
    truth = np.arange(61) % 2
    ids = np.arange(61).astype(str)

    def answers(guess):
        return ClassPredictions(ids, truth, np.eye(2)[guess] * 0.8 + 0.1, ("a", "b"))

    worse = np.where(np.arange(61) < apart, 1 - truth, truth)
    low, high = difference_ends(answers(worse), answers(truth), named("accuracy"))
    assert math.isfinite(low)
    assert low <= apart / 61 <= high
    assert high < 0.25
    assert low <= (0 if apart < 3 else apart / 61)
