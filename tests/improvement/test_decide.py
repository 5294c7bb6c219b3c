"""When a challenger is accepted."""

from __future__ import annotations

import numpy as np
import pytest

from phoropter.core.records import Comparison
from phoropter.improvement.decide import decide
from phoropter.improvement.trial import Judgement


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
