"""When a challenger is accepted."""

from __future__ import annotations

import numpy as np
import pytest

from phoropter.comparison.looks import threshold
from phoropter.comparison.paired import compare, proper_score_test
from phoropter.core.predict_recipe import PredictRecipe
from phoropter.core.predictions import ClassPredictions
from phoropter.core.records import Comparison
from phoropter.improvement.decide import decide
from phoropter.improvement.trial import Judgement
from phoropter.metrics.decoding import cross_decoded


def judgement(
    delta: float, p_value: float, score_delta: float = 0.0, score_p: float = 1.0
) -> Judgement:
    comparison = Comparison("a", "b", "m", delta, delta, delta, p_value, 1, "undecided")
    return Judgement(comparison, score_delta, score_p, threshold=0.0125)


@pytest.mark.parametrize(
    ("case", "accepted"),
    [
        (judgement(0.05, 0.001), True),
        (judgement(0.05, 0.02), False),
        (judgement(-0.05, 0.001), False),
        (judgement(0.01, 0.08, -0.1, 0.001), True),
        (judgement(0.01, 0.6, -0.1, 0.001), False),
        (judgement(-0.01, 0.6, -0.1, 0.001), False),
        (judgement(0.01, 0.6, 0.1, 0.001), False),
    ],
)
def test_accepted_only_when_shown(case: Judgement, accepted: bool) -> None:
    assert decide(case, greater_is_better=True).accepted is accepted


def test_lower_is_better_turns_the_sign() -> None:
    assert decide(judgement(-0.05, 0.001), greater_is_better=False).accepted
    assert not decide(judgement(0.05, 0.001), greater_is_better=False).accepted


def test_two_tests_together_keep_the_promise() -> None:
    """Under the null (independent uniform p-values, random signs) at most the level is accepted."""
    draws = np.random.default_rng(0)
    accepted = 0
    for _ in range(20_000):
        p_value, score_p = draws.random(2)
        sign, score_sign = draws.choice([-1, 1], 2)
        case = judgement(0.1 * sign, p_value, 0.1 * score_sign, score_p)
        accepted += decide(case, greater_is_better=True).accepted
    assert accepted / 20_000 <= 0.025


@pytest.mark.parametrize(
    ("case", "accepted"),
    [
        (judgement(0.0, 1.0, -0.1, 0.001), True),
        (judgement(0.0, 1.0, -0.1, 0.02), False),
        (judgement(0.0, 1.0, 0.1, 0.001), False),
        (judgement(-0.01, 0.6, -0.1, 0.001), False),
    ],
)
def test_the_same_weights_need_only_be_truer(case: Judgement, accepted: bool) -> None:
    assert decide(case, greater_is_better=True, retrained=False).accepted is accepted
    assert not decide(case, greater_is_better=True).accepted


def scaled(sharpness: float, seed: int) -> Judgement:
    """A calibrated classifier made too sure, against itself with a temperature, cross-fitted."""
    draws = np.random.default_rng(seed)
    truth = draws.integers(0, 3, 300)
    logits = draws.normal(size=(300, 3))
    logits[np.arange(300), truth] += 1.0  # of unit variance: softmax of it is calibrated
    powers = np.exp(logits * sharpness)
    ids = np.arange(300).astype(np.str_)
    shares = powers / powers.sum(axis=1, keepdims=True)
    before = ClassPredictions(ids, truth, shares, ("a", "b", "c"))
    asked = PredictRecipe(calibration="temperature")
    after = cross_decoded(before, asked, positive="a", seed=seed)
    comparison = compare(before, after, "accuracy", names=("before", "after"), looks=1)
    proper = proper_score_test(before, after)
    return Judgement(comparison, proper.delta, proper.p_value, threshold(1))


def test_a_temperature_is_adopted_where_it_is_measured_to_help() -> None:
    for seed in range(5):
        case = scaled(2.5, seed)
        assert case.comparison.delta == 0
        assert decide(case, greater_is_better=True, retrained=False).accepted
    accepted = [
        decide(scaled(1.0, seed), greater_is_better=True, retrained=False).accepted
        for seed in range(20)
    ]
    assert sum(accepted) <= 2
