"""What more time is said to bring, of curves whose future is known."""

import numpy as np
import pytest

from phoropter.diagnosis.falling import falling
from phoropter.diagnosis.signals import Curve

PASSES = np.arange(21)


def drawn(losses, *, rates=None):
    """A curve over passes of equal rates, or of those given."""
    time = np.cumsum(np.ones(len(losses)) if rates is None else rates)
    return Curve(np.arange(len(losses)), np.asarray(losses, float), time)


@pytest.mark.parametrize("half_life", [5.0, 10.0, 20.0])
def test_an_exponential_is_continued_exactly(half_life):
    def loss(passes):
        return 0.3 + 0.5 ** (passes / half_life)

    found = falling(drawn(loss(PASSES)))
    assert found.certain
    assert found.gain == pytest.approx(loss(20) - loss(40), rel=0.02)


def test_a_loss_that_jumps_until_the_rate_decays_promises_what_its_least_values_do():
    """Its coming to rest is not mistaken for progress: 40 curves, by the median."""
    rates = 1 + np.cos(np.pi * PASSES / 20)
    floor = 0.2 + 0.5 * np.exp(-PASSES / 3)
    gains = []
    for seed in range(40):
        hops = np.random.default_rng(seed).random(21) < 0.6
        gains.append(falling(drawn(floor + 0.25 * hops * rates / 2, rates=rates)).gain)
    assert np.median(gains) == pytest.approx(falling(drawn(floor, rates=rates)).gain, abs=0.03)


def test_a_curve_of_one_point_tells_nothing():
    assert falling(drawn([1.0])) is None


def test_the_bend_of_a_few_points_is_not_taken_for_noise():
    assert falling(drawn([2.35, 0.72, 0.62])).certain
    assert falling(drawn([2.35, 0.9, 0.72, 0.62])).certain
    assert not falling(drawn([2.35, 0.62, 0.72])).certain
