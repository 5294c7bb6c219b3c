"""What holds for every registered metric."""

import numpy as np
import pytest

from phoropter.core.errors import UsageError
from phoropter.core.registry import names
from phoropter.metrics import named, registry_names
from phoropter.metrics.function import MetricFunction, plain

NAMES = names("phoropter.metrics")


@pytest.fixture
def table_for(classifier, regressor):
    def make(metric, count=60):
        if metric.kind == "classes":
            return classifier(count, prior=(0.5, 0.3, 0.2), seed=1)
        return regressor(count, numbers=2, seed=1)

    return make


@pytest.mark.parametrize("name", NAMES)
def test_weights_are_repeats(name, table_for):
    metric = named(name)
    table = table_for(metric)
    counts = np.random.default_rng(2).poisson(1.0, size=(5, len(table)))
    rows = np.arange(len(table))
    expected = [metric(table.take(np.repeat(rows, row))) for row in counts]
    np.testing.assert_allclose(metric.resampled(table, counts), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_the_fast_way_equals_the_plain_way(name, table_for):
    metric = named(name)
    table = table_for(metric)
    slow = MetricFunction("slow", metric.kind, True, metric.range, plain(metric))
    counts = np.random.default_rng(3).poisson(1.0, size=(3, len(table)))
    np.testing.assert_allclose(
        metric.resampled(table, counts), slow.resampled(table, counts), rtol=1e-9, atol=1e-12
    )


@pytest.mark.parametrize("name", NAMES)
def test_registered_under_its_own_name_and_within_its_range(name, table_for):
    metric = named(name)
    assert metric.name == name
    low, high = metric.range
    assert low <= metric(table_for(metric)) <= high


@pytest.mark.parametrize("name", NAMES)
def test_the_better_prediction_gets_the_better_value(name, classifier, regressor, from_values):
    metric = named(name)
    if metric.kind == "classes":
        prior = np.full(7, 1 / 7)
        good, bad = classifier(400, prior, skill=6.0), classifier(400, prior, skill=0.0)
    else:
        good = regressor(400)
        bad = from_values(good.truth, good.truth + 3 * (good.values - good.truth))
    assert (metric(good) > metric(bad)) == metric.greater_is_better


@pytest.mark.parametrize("name", NAMES)
def test_no_samples_and_no_weight_are_not_defined(name, table_for):
    metric = named(name)
    table = table_for(metric)
    empty = table.take(np.array([], dtype=np.int64))
    assert np.isnan(metric(empty))
    assert np.isnan(metric.resampled(empty, np.ones((2, 0)))).all()
    assert np.isnan(metric.resampled(table, np.zeros((1, len(table))))).all()


@pytest.mark.parametrize("name", NAMES)
def test_one_sample_is_no_crash(name, table_for):
    metric = named(name)
    value = metric(table_for(metric).take(np.array([0])))
    assert np.isnan(value) == (name in {"roc_auc", "r2"}) or name == "roc_auc"


@pytest.mark.parametrize("name", NAMES)
def test_unknown_truth_is_left_out(name, table_for):
    from dataclasses import replace

    metric = named(name)
    table = table_for(metric)
    truth = table.truth.copy()
    truth[10:20] = -1 if metric.kind == "classes" else np.nan
    kept = np.r_[0:10, 20 : len(table)]
    hidden = replace(table, truth=truth)
    assert metric(hidden) == pytest.approx(metric(table.take(kept)), rel=1e-12)
    counts = np.ones((2, len(table)))
    expected = [metric(hidden)] * 2
    np.testing.assert_allclose(metric.resampled(hidden, counts), expected, rtol=1e-12)


def test_names_by_kind():
    assert set(registry_names("classes")) | set(registry_names("values")) == set(NAMES)
    assert registry_names("values") == ("mae", "mape", "mse", "r2", "rmse")


def test_unknown_names_suggest_the_nearest():
    with pytest.raises(UsageError, match="macro_f1"):
        named("macro-f1")


def test_the_wrong_kind_is_refused(regressor):
    with pytest.raises(UsageError, match="'accuracy' is for classes"):
        named("accuracy")(regressor(5))


@pytest.mark.parametrize("shape", [(4,), (2, 3)])
def test_weights_that_do_not_fit_are_refused(shape, regressor):
    with pytest.raises(UsageError, match="do not fit"):
        named("mae").resampled(regressor(4), np.ones(shape))


def test_many_resamples_are_cut_into_pieces(regressor):
    table = regressor(300)
    values = named("mae").resampled(table, np.ones((2000, 300), dtype=np.int32))
    np.testing.assert_allclose(values, named("mae")(table))
