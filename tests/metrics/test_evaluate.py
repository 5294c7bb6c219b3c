import math

import numpy as np
import pytest

from phoropter.core.errors import UsageError
from phoropter.core.records import Metric
from phoropter.metrics import named
from phoropter.metrics.evaluate import RANKING_CELLS, evaluate, reported_names
from phoropter.metrics.interval import interval


def test_the_names_asked_for_in_their_order(classifier):
    table = classifier(80)
    found = evaluate(table, names=["macro_f1", "accuracy"], resamples=300, seed=4)
    assert [item.name for item in found] == ["macro_f1", "accuracy"]
    for item in found:
        low, high = interval(named(item.name), table, resamples=300, seed=4)
        assert item == Metric(item.name, named(item.name)(table), low, high, 80)


def test_all_that_is_worth_reporting_by_default(classifier, regressor):
    names = [item.name for item in evaluate(classifier(60), resamples=50)]
    assert {"accuracy", "macro_f1", "roc_auc", "log_loss", "ece"} <= set(names)
    assert "micro_f1" not in names
    assert [item.name for item in evaluate(regressor(60), resamples=50)] == [
        "mae",
        "mape",
        "mse",
        "r2",
        "rmse",
    ]


def test_mape_is_left_out_where_it_misleads_unless_asked_for(from_values):
    table = from_values([[0.0], [5.0], [7.0]], [[1.0], [5.0], [6.0]])
    assert "mape" not in reported_names(table)
    assert evaluate(table, names=["mape"])[0].value > 1e14


def test_ranking_metrics_are_left_out_where_they_take_minutes(from_probabilities):
    classes = 2000
    rows = RANKING_CELLS // classes + 1
    table = from_probabilities(
        np.arange(rows) % classes, np.broadcast_to(1 / classes, (rows, classes))
    )
    assert "roc_auc" not in reported_names(table)
    assert "accuracy" in reported_names(table)


def test_samples_without_truth_do_not_count(from_probabilities):
    table = from_probabilities([0, -1, 1], [[0.9, 0.1], [0.9, 0.1], [0.2, 0.8]])
    metric = evaluate(table, names=["accuracy"])[0]
    assert (metric.value, metric.n) == (1.0, 2)


def test_no_truth_at_all_is_not_defined(from_probabilities):
    metric = evaluate(from_probabilities([-1], [[0.5, 0.5]]), names=["accuracy"])[0]
    assert math.isnan(metric.value)
    assert metric.n == 0
    assert evaluate(from_probabilities([0], [[0.5, 0.5]]), names=[]) == ()


def test_a_metric_of_the_other_kind_is_refused(regressor):
    with pytest.raises(UsageError, match="for classes"):
        evaluate(regressor(3), names=["accuracy"])
