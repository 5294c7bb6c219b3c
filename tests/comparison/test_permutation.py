from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from scipy import stats

from phoropter.comparison.looks import threshold
from phoropter.comparison.mcnemar import discordant, exact_p
from phoropter.comparison.permutation import FIRST_DRAWS, MOST_DRAWS, permutation_p
from phoropter.core.predictions import ClassPredictions
from phoropter.metrics import named


def every_swap_p(a, b, metric):
    """The p-value from all 2^n swaps, one by one."""
    observed = abs(metric(b) - metric(a))
    reached = 0
    for coins in product([False, True], repeat=len(a)):
        swap = np.array(coins)[:, None]
        left = replace(a, probabilities=np.where(swap, b.probabilities, a.probabilities))
        right = replace(a, probabilities=np.where(swap, a.probabilities, b.probabilities))
        reached += abs(metric(right) - metric(left)) >= observed - 1e-12
    return reached / 2 ** len(a)


@pytest.mark.parametrize("name", ["macro_f1", "log_loss", "roc_auc", "accuracy"])
@pytest.mark.parametrize("seed", [1, 5])
def test_as_all_swaps(name, seed, rivals):
    a, b = rivals(9, seed=seed, edge=2.0)
    expected = every_swap_p(a, b, named(name))
    found = permutation_p(a, b, named(name), decisive=0.001, seed=0)
    assert found == pytest.approx(expected, abs=0.04)


def test_accuracy_as_mcnemar(rivals):
    a, b = rivals(300, seed=3, edge=0.5)
    expected = exact_p(*discordant(a, b))
    found = permutation_p(a, b, named("accuracy"), decisive=0.01, seed=0)
    assert found == pytest.approx(expected, abs=0.02)


def test_a_mean_as_scipy(rival_regressors):
    a, b = rival_regressors(40, seed=2, factor=1.1)
    costs = [((part.values - part.truth) ** 2)[:, 0] for part in (a, b)]
    expected = stats.permutation_test(
        costs,
        lambda x, y: np.mean(y - x),
        permutation_type="samples",
        n_resamples=9999,
        rng=np.random.default_rng(0),
    ).pvalue
    found = permutation_p(a, b, named("mse"), decisive=0.01, seed=0)
    assert found == pytest.approx(expected, abs=0.03)


def test_small_p_values_are_resolved_where_the_decision_needs_it(rivals):
    a, b = rivals(300, seed=0, edge=2.0)
    lowest = permutation_p(a, b, named("macro_f1"), decisive=0.05, seed=0)
    assert lowest == 1 / (1 + FIRST_DRAWS)
    assert permutation_p(a, b, named("macro_f1"), decisive=1e-4, seed=0) == 1 / 20_001


def test_draws_end_early_where_there_is_nothing_to_find(rivals):
    a, b = rivals(100, seed=4)
    p_value = permutation_p(a, b, named("macro_f1"), decisive=1e-6, seed=0)
    assert p_value > 0.005


def test_very_late_looks_are_not_paid_for(rivals):
    a, b = rivals(100, seed=0, edge=4.0)
    p_value = permutation_p(a, b, named("macro_f1"), decisive=1e-9, seed=0)
    assert p_value == 1 / (1 + MOST_DRAWS)
    assert threshold(71) < p_value <= threshold(70)  # the last look at which it decides


def test_counting_kinds_together_changes_nothing(rivals):
    a, b = rivals(150, seed=8, edge=0.5)
    metric = named("macro_f1")
    alone = replace(metric, needs_probabilities=True)
    together = permutation_p(a, b, metric, decisive=0.001, seed=0)
    assert together == pytest.approx(permutation_p(a, b, alone, decisive=0.001, seed=0), abs=0.03)


def test_no_difference_is_no_evidence(rivals):
    a, _ = rivals(30, seed=0)
    assert permutation_p(a, a, named("macro_f1"), decisive=0.05, seed=0) == 1.0


def test_not_defined(rivals):
    a, b = rivals(30, seed=0)
    one_class = [replace(table, truth=np.zeros(30, dtype=np.int64)) for table in (a, b)]
    only_x = [
        replace(table, probabilities=table.probabilities[:, :1], classes=("x",))
        for table in one_class
    ]
    assert np.isnan(permutation_p(*only_x, named("roc_auc"), decisive=0.05, seed=0))


def test_what_was_decided_is_swapped_and_not_what_is_most_probable():
    """Only two samples differ, so no p-value below a quarter of the two sides can come out."""
    truth = np.zeros(40, dtype=np.int64)
    said = np.tile([0.6, 0.4], (40, 1))
    a = ClassPredictions(np.arange(40).astype(np.str_), truth, said, ("x", "y"))
    b = replace(a, decided=np.where(np.arange(40) < 2, 1, 0))
    for one, other in ((a, b), (b, a)):
        for name in ("accuracy", "cost(x>y=20)"):
            p_value = permutation_p(one, other, named(name), decisive=0.05, seed=0)
            assert p_value == pytest.approx(0.5, abs=0.05)
