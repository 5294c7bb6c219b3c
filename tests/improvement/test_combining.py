"""Greedy choice of members, on tables of known probabilities."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from phoropter.core.predictions import ClassPredictions, ValuePredictions
from phoropter.core.recipe import Recipe
from phoropter.improvement.combining import (
    MOST,
    cross_combined,
    described,
    ensemble_recipe,
    greedy,
)
from phoropter.metrics import named

log_loss = named("log_loss")


def table(probabilities, truth):
    ids = np.arange(len(truth)).astype(np.str_)
    return ClassPredictions(ids, truth, probabilities, ("a", "b", "c"))


def voters(count, *, samples=400, seed=0, noise=2.0):
    """Models that err independently of each other."""
    draw = np.random.default_rng(seed)
    truth = draw.integers(0, 3, samples)
    logits = 2.0 * np.eye(3)[truth] + noise * draw.normal(size=(count, samples, 3))
    shares = np.exp(logits) / np.exp(logits).sum(axis=2, keepdims=True)
    return [table(one, truth) for one in shares]


def mean_of(said, chosen):
    return table(np.mean([said[at].probabilities for at in chosen], axis=0), said[0].truth)


def test_models_that_err_apart_are_put_together():
    said = voters(4)
    chosen = greedy(said)
    assert len(set(chosen)) >= 3
    assert log_loss(mean_of(said, chosen)) < 0.8 * min(map(log_loss, said))


def test_the_first_is_the_best_and_each_addition_lowers_the_loss():
    said = voters(6)
    chosen = greedy(said)
    assert chosen[0] == int(np.argmin([log_loss(one) for one in said]))
    losses = [log_loss(mean_of(said, chosen[: n + 1])) for n in range(len(chosen))]
    assert all(later < earlier for earlier, later in pairwise(losses))
    assert len(set(chosen)) <= MOST


def test_one_step_is_the_best_of_all_steps():
    """The second pick against trying all of them by hand."""
    said = voters(5, seed=3)
    first, second, *_ = greedy(said)
    tried = [log_loss(mean_of(said, [first, other])) for other in range(5)]
    assert second == int(np.argmin(tried))


def test_a_model_that_knows_all_stays_alone():
    said = voters(3)
    perfect = table(np.eye(3)[said[0].truth], said[0].truth)
    assert greedy([*said, perfect]) == (3,)
    assert greedy([said[0]]) == (0,)


def test_numbers_are_averaged_by_their_squared_error():
    draw = np.random.default_rng(0)
    truth = draw.normal(size=(200, 1))
    ids = np.arange(200).astype(np.str_)
    said = [
        ValuePredictions(ids, truth, truth + draw.normal(size=(200, 1)), ("x",)) for _ in range(3)
    ]
    assert len(set(greedy(said))) >= 2
    honest = cross_combined(said, seed=0)
    assert named("mse")(honest) < 0.6 * min(named("mse")(one) for one in said)


def test_choosing_on_the_samples_that_are_judged_flatters_and_across_folds_does_not():
    """Models that know nothing: the best mean of 40 of them still knows nothing."""
    gains, honest = [], []
    for seed in range(20):
        draw = np.random.default_rng(seed)
        truth = draw.integers(0, 3, 60)
        said = [table(draw.dirichlet([3.0] * 3, size=60), truth) for _ in range(40)]
        alone = float(np.mean([log_loss(one) for one in said]))
        fair = mean_of(said, range(4))
        gains.append(log_loss(fair) - log_loss(mean_of(said, greedy(said))))
        honest.append(log_loss(fair) - log_loss(cross_combined(said, seed=seed)))
        assert alone > log_loss(fair)
    assert np.mean(gains) > 0.05
    assert np.mean(honest) < 0.02


def test_a_recipe_of_several():
    one = Recipe()
    two, three = one.changed({"seed": 1}), one.changed({"data.augment.preset": "light"})
    like = one.changed({"predict.calibration": "temperature"})
    made = ensemble_recipe([one, two, two, three], like=like)
    assert made.members == (two, two, one, three)
    assert made.predict.calibration == "temperature"
    assert ensemble_recipe([one, two, two, three], like=like).digest == made.digest


def test_members_in_words():
    cnn = Recipe().changed({"model.name": "cnn"})
    assert described([cnn, Recipe(), cnn]) == "2 x cnn, efficientnet_lite0"


@pytest.mark.parametrize("count", [1, 2])
def test_no_samples(count):
    empty = table(np.empty((0, 3)), np.empty(0, dtype=np.int64))
    assert greedy([empty] * count) == (0,)


def test_samples_of_unknown_truth_do_not_count():
    said = voters(4)
    half = np.arange(len(said[0])) % 2 == 0
    blind = [replace(one, truth=np.where(half, one.truth, -1)) for one in said]
    assert greedy(blind) == greedy([one.take(np.flatnonzero(half)) for one in said])
