"""Whether verdicts are true: rare where there is no difference, given where there is one."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from phoropter.comparison.looks import threshold
from phoropter.comparison.methods import BY_SWAPS
from phoropter.comparison.paired import compare, paired_test, proper_score_test, within
from phoropter.core.errors import UsageError
from phoropter.core.predictions import ClassPredictions
from phoropter.metrics import named

CLASS_METRICS = ("accuracy", "macro_f1", "log_loss")


def verdicts(make, metric, *, count, trials, looks=5):
    """How many of the trials give any verdict within five looks at equally good rivals."""
    false = 0
    for trial in range(trials):
        given = set()
        for look in range(1, looks + 1):
            a, b = make(count, 1000 * trial + look)
            found = compare(a, b, metric, names=("a", "b"), looks=look, seed=trial)
            given.add(found.verdict)
        false += given != {"undecided"}
    return false


def not_too_many(false, trials):
    """Whether so many are likely (1 in 1000) if each trial errs with probability 5 %."""
    return stats.binom.sf(false - 1, trials, 0.05) > 0.001


@pytest.mark.parametrize("metric", [*CLASS_METRICS, "rmse"])
def test_equals_are_not_told_apart(metric, rivals, rival_regressors):
    make = rival_regressors if metric == "rmse" else rivals
    assert not_too_many(verdicts(make, metric, count=50, trials=40), 40)


@pytest.mark.nightly
@pytest.mark.parametrize("count", [50, 300])
@pytest.mark.parametrize("metric", [*CLASS_METRICS, "rmse", "roc_auc"])
def test_equals_are_told_apart_in_less_than_5_percent(metric, count, rivals, rival_regressors):
    make = rival_regressors if metric == "rmse" else rivals
    assert not_too_many(verdicts(make, metric, count=count, trials=300), 300)


def planted(count, seed, first=0.85, second=0.90, together=0.7):
    """Two classifiers of known accuracy; a share of the samples is decided for both at once."""
    draw = np.random.default_rng(seed)
    shared = draw.uniform(size=count)
    own = draw.uniform(size=(2, count))
    luck = np.where(draw.uniform(size=count) < together, shared, own)
    truth = draw.integers(0, 2, count)
    tables = []
    for row, share in zip(luck, (first, second), strict=True):
        called = np.where(row < share, truth, 1 - truth)
        probabilities = np.where(called[:, None] == np.arange(2), 0.8, 0.2)
        ids = np.arange(count).astype(np.str_)
        tables.append(ClassPredictions(ids, truth, probabilities, ("x", "y")))
    return tables


@pytest.mark.parametrize("metric", CLASS_METRICS)
def test_five_points_on_a_thousand_samples_are_found(metric):
    found = [
        compare(*planted(1000, seed), metric, names=("a", "b"), looks=1, seed=seed).verdict
        for seed in range(20)
    ]
    assert found.count("better") >= 18
    assert "worse" not in found


def test_the_direction_follows_the_metric(rivals):
    a, b = rivals(400, seed=0, edge=2.0)
    up = compare(a, b, "accuracy", names=("a", "b"), looks=1)
    down = compare(a, b, "log_loss", names=("a", "b"), looks=1)
    assert (up.verdict, down.verdict) == ("better", "better")
    assert up.delta > 0 > down.delta
    back = compare(b, a, "log_loss", names=("b", "a"), looks=1)
    assert (back.verdict, back.delta) == ("worse", -down.delta)


def test_the_record_is_complete(rivals):
    a, b = rivals(200, seed=1, edge=1.0)
    found = compare(a, b, "macro_f1", names=("run-1", "run-2"), looks=3)
    assert (found.a, found.b, found.metric, found.looks) == ("run-1", "run-2", "macro_f1", 3)
    assert found.delta == pytest.approx(named("macro_f1")(b) - named("macro_f1")(a))
    assert found.low <= found.delta <= found.high


def test_later_looks_need_stronger_evidence():
    a, b = planted(400, seed=6)
    p_value = compare(a, b, "accuracy", names=("a", "b"), looks=1).p_value
    last = max(look for look in range(1, 1000) if threshold(look) >= p_value)
    assert compare(a, b, "accuracy", names=("a", "b"), looks=last).verdict == "better"
    assert compare(a, b, "accuracy", names=("a", "b"), looks=last + 1).verdict == "undecided"


def test_a_late_look_can_still_give_a_verdict(rivals):
    a, b = rivals(300, seed=0, edge=2.0)
    assert compare(a, b, "macro_f1", names=("a", "b"), looks=60).verdict == "better"


def test_the_same_model_is_undecided(rivals):
    a, _ = rivals(50, seed=0)
    found = compare(a, a, "accuracy", names=("a", "a"), looks=1)
    assert (found.delta, found.low, found.high) == (0.0, 0.0, 0.0)
    assert (found.p_value, found.verdict) == (1.0, "undecided")


def test_not_defined_is_undecided(rivals):
    a, b = (
        replace(table, truth=np.zeros(30, np.int64), probabilities=np.ones((30, 1)), classes=("x",))
        for table in rivals(30, seed=0)
    )
    found = compare(a, b, "roc_auc", names=("a", "b"), looks=1)
    assert np.isnan(found.delta)
    assert (found.p_value, found.verdict) == (1.0, "undecided")


def test_no_known_truth_is_refused(rivals):
    a, b = (replace(table, truth=np.full(5, -1)) for table in rivals(5, seed=0))
    with pytest.raises(UsageError, match="no sample with a known truth"):
        compare(a, b, "accuracy", names=("a", "b"), looks=1)


def test_a_metric_of_the_other_kind_is_refused(rivals):
    with pytest.raises(UsageError, match="'rmse' is for values"):
        compare(*rivals(5, seed=0), "rmse", names=("a", "b"), looks=1)


def test_the_interval_of_a_mean_as_the_t_test(rival_regressors):
    a, b = rival_regressors(2000, seed=0, factor=1.05)
    found = paired_test(a, b, named("mse"))
    costs = [((part.values - part.truth) ** 2)[:, 0] for part in (a, b)]
    expected = stats.ttest_rel(costs[1], costs[0])
    ends = expected.confidence_interval()
    assert (found.low, found.high) == pytest.approx(tuple(ends), abs=0.006)
    assert found.p_value == pytest.approx(expected.pvalue, abs=0.01)


def test_the_interval_of_the_difference_covers(rivals):
    metric = named("accuracy")
    held = 0
    true_difference = metric(rivals(400_000, 0, edge=0.3)[1]) - metric(rivals(400_000, 0)[0])
    for seed in range(150):
        found = paired_test(*rivals(200, seed + 1, edge=0.3), metric, seed=seed)
        held += found.low <= true_difference <= found.high
    assert held / 150 == pytest.approx(0.95, abs=0.055)


def test_proper_scores_see_more(rivals, rival_regressors):
    a, b = rivals(200, seed=1, edge=0.4)
    found = proper_score_test(a, b)
    assert found.delta == named("log_loss")(b) - named("log_loss")(a)
    assert found.delta < 0
    assert found.p_value < paired_test(a, b, named("accuracy")).p_value
    c, d = rival_regressors(200, seed=1, factor=1.3)
    assert proper_score_test(c, d).delta == named("mse")(d) - named("mse")(c)


def test_the_seed_decides(rivals):
    a, b = rivals(100, seed=2, edge=0.3)
    first = paired_test(a, b, named("macro_f1"), seed=1)
    assert first == paired_test(a, b, named("macro_f1"), seed=1)
    assert first != paired_test(a, b, named("macro_f1"), seed=2)


def test_the_method_is_said(rivals):
    a, b = rivals(100, seed=2)
    by_hits, by_swaps = (
        compare(a, b, metric, names=("a", "b"), looks=1).method
        for metric in ("accuracy", "macro_f1")
    )
    assert by_hits.startswith("Exact McNemar test")
    assert by_swaps.startswith("Paired permutation test")


def test_of_accuracy_it_is_said_what_could_be_seen(rivals):
    a, b = rivals(500, seed=2)
    found = [compare(a, b, "accuracy", names=("a", "b"), looks=look) for look in (1, 20)]
    assert 0.01 < found[0].detectable < found[1].detectable < 0.2
    assert compare(a, b, "log_loss", names=("a", "b"), looks=1).detectable is None


def test_as_good_as_equal_is_more_than_undecided(rivals):
    few, many = (
        compare(*rivals(count, seed=0), "accuracy", names=("a", "b"), looks=1)
        for count in (100, 40_000)
    )
    assert (few.verdict, many.verdict) == ("undecided", "undecided")
    assert (within(few, 0.01).equivalent, within(many, 0.01).equivalent) == (False, True)
    assert within(many, 0.01).rope == 0.01
    assert within(within(many, 0.01), None) == many


def test_better_may_still_be_as_good_as_equal():
    a, b = planted(60_000, 0, first=0.900, second=0.905)
    found = within(compare(a, b, "accuracy", names=("a", "b"), looks=1), 0.01)
    assert (found.verdict, found.equivalent) == ("better", True)


@pytest.mark.parametrize("rope", [0.0, -0.1, float("nan"), float("inf")])
def test_a_region_needs_a_width(rivals, rope):
    found = compare(*rivals(50, seed=0), "accuracy", names=("a", "b"), looks=1)
    with pytest.raises(UsageError, match="region of practical equivalence"):
        within(found, rope)


@pytest.mark.nightly
def test_two_that_differ_by_the_region_are_rarely_called_equal():
    called = 0
    for seed in range(400):
        a, b = planted(5000, seed, first=0.90, second=0.91)
        comparison = compare(a, b, "accuracy", names=("a", "b"), looks=1)
        called += bool(within(comparison, 0.01).equivalent)
    assert called / 400 <= 0.05


def test_a_metric_that_is_only_called_accuracy_is_not_judged_by_hits(rivals, tmp_path):
    place = tmp_path / "own.py"
    place.write_text(
        "from phoropter.metrics.function import metric\n\n\n"
        "@metric('classes', greater_is_better=True)\n"
        "def accuracy(predictions):\n"
        "    return float((abs(predictions.predicted - predictions.truth) < 2).mean())\n"
    )
    pair = rivals(300, seed=0, edge=1.0)
    found = compare(*pair, f"{place}:accuracy", names=("a", "b"), looks=1)
    assert found.method == BY_SWAPS
    assert found.detectable is None
    assert found.p_value != compare(*pair, "accuracy", names=("a", "b"), looks=1).p_value


def test_a_metric_of_the_users_own_keeps_the_name_it_was_asked_for_by(rivals, tmp_path):
    place = tmp_path / "own.py"
    place.write_text(
        "from phoropter.metrics.function import metric\n\n\n"
        "@metric('classes', greater_is_better=True)\n"
        "def hits(predictions):\n"
        "    return float((predictions.predicted == predictions.truth).mean())\n"
    )
    name = f"{place}:hits"
    found = compare(*rivals(30, seed=0), name, names=("a", "b"), looks=1)
    assert named(found.metric)(rivals(30, seed=0)[0]) > 0
    assert found.metric == name
