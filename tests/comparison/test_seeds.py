"""Recipes over seeds: samples and seeds both vary, and both count."""

from dataclasses import replace

import numpy as np
import pytest

from phoropter.comparison.seeds import (
    MOST,
    PILOT,
    SeedsTest,
    compare_seeds,
    is_small,
    seeds_test,
    seeds_wanted,
)
from phoropter.core.errors import UsageError
from phoropter.core.predictions import ClassPredictions
from phoropter.metrics import named


def trainings(count, n, *, seed, shares=(0.8, 0.8), spread=0.03):
    """Trainings of two recipes: their accuracy varies over seeds, samples vary in difficulty."""
    draw = np.random.default_rng(seed)
    truth, ids = draw.integers(0, 2, n), np.arange(n).astype(np.str_)
    ease = draw.normal(size=n)
    sides = []
    for share in shares:
        side = []
        for _ in range(count):
            level = np.quantile(ease, np.clip(1 - share + spread * draw.normal(), 0.01, 0.99))
            right = ease + 0.3 * draw.normal(size=n) > level
            called = np.where(right, truth, 1 - truth)
            side.append(ClassPredictions(ids, truth, np.eye(2)[called], ("x", "y")))
        sides.append(side)
    return sides


def test_the_variances_are_those_of_an_analysis_by_hand():
    a, b = trainings(6, 800, seed=0, shares=(0.8, 0.85))
    found = seeds_test(a, b, named("accuracy"))
    hits = np.array([[one.predicted == one.truth for one in side] for side in (a, b)]).astype(float)
    scores = hits.mean(axis=2)
    gap = hits[1].mean(axis=0) - hits[0].mean(axis=0)
    assert found.test.delta == pytest.approx(gap.mean())
    assert found.sample_variance == pytest.approx(gap.var(ddof=1) / 800, rel=0.1)
    assert found.seed_variance == pytest.approx(scores.var(axis=1, ddof=1).sum())
    assert found.spread == pytest.approx(np.sqrt(scores.var(axis=1, ddof=1).mean()))
    assert 10 <= found.freedom < 800


def test_equal_recipes_are_rarely_told_apart_though_their_seeds_differ():
    told = single = 0
    for trial in range(200):
        a, b = trainings(3, 300, seed=trial)
        told += seeds_test(a, b, named("accuracy"), seed=trial).test.p_value <= 0.05
        first, second = (np.mean(side[0].predicted == side[0].truth) for side in (a, b))
        single += abs(first - second) > 1.96 * np.sqrt(2 * 0.8 * 0.2 / 300)
    assert told / 200 <= 0.08  # three standard errors of 200 trials above 5 %
    assert single > told


def test_more_trainings_find_what_one_cannot():
    a, b = trainings(8, 2000, seed=3, shares=(0.80, 0.86))
    found = compare_seeds(a, b, "accuracy", names=("old", "new"), looks=1)
    assert (found.verdict, found.trainings) == ("better", 8)
    assert found.seed_spread == pytest.approx(0.03, abs=0.015)
    assert "8 trainings of each recipe" in found.method


def test_recipes_that_no_seed_changes_differ_by_samples_alone(rivals):
    a, b = rivals(400, seed=0, edge=2.0)
    found = seeds_test([a, a, a], [b, b, b], named("log_loss"))
    assert found.seed_variance == 0
    assert found.test.p_value < 0.001


def test_nothing_that_varies_is_no_evidence(rivals):
    a, _ = rivals(50, seed=0)
    assert seeds_test([a, a], [a, a], named("accuracy")).test.p_value == 1.0


@pytest.mark.parametrize(
    ("samples", "seeds", "wanted"),
    [(1.0, 0.5, PILOT), (1.0, 4.2, 5), (1.0, 100.0, MOST), (0.0, 1.0, MOST), (0.0, 0.0, PILOT)],
)
def test_as_many_trainings_as_make_seeds_no_larger_than_samples(rivals, samples, seeds, wanted):
    a, _ = rivals(50, seed=0)
    test = seeds_test([a, a], [a, a], named("accuracy")).test
    assert seeds_wanted(SeedsTest(test, samples, seeds, 4.0)) == wanted


def test_a_difference_is_small_within_two_deviations_of_what_seeds_bring():
    assert is_small(-0.028, 0.01)
    assert not is_small(-0.029, 0.01)


def test_one_sample_is_no_evidence_and_none_is_refused(rivals):
    a, b = (one.take(np.arange(1)) for one in rivals(50, seed=0, edge=1.0))
    found = seeds_test([a, b], [b, a], named("log_loss"))
    assert found.test.p_value == 1.0
    unknown = [replace(one, truth=np.array([-1])) for one in (a, b)]
    with pytest.raises(UsageError, match="no sample with a known truth"):
        seeds_test(unknown, unknown, named("log_loss"))


def test_single_trainings_are_refused(rivals):
    a, b = rivals(50, seed=0)
    with pytest.raises(UsageError, match="1 and 1 trainings"):
        seeds_test([a], [b], named("accuracy"))
    with pytest.raises(UsageError, match="2 and 1 trainings"):
        seeds_test([a, a], [b], named("accuracy"))
