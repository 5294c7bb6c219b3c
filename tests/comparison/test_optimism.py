import numpy as np
import pytest

from phoropter.comparison.optimism import optimism


# Independent models that are right in 90 %: the lowest of 20 binomial errors against .1, by
# simulation.
@pytest.mark.parametrize(("n", "points"), [(100, 5.2), (200, 3.7), (400, 2.7)])
def test_the_best_of_twenty_equally_good_models(n, points):
    draw = np.random.default_rng(n)
    found = [optimism((draw.random((20, n)) < 0.1).astype(float)).value for _ in range(25)]
    assert 100 * np.mean(found) == pytest.approx(points, abs=0.5)


def test_models_that_agree_leave_nothing_to_luck():
    same = np.tile(np.random.default_rng(0).random(200) < 0.1, (20, 1)).astype(float)
    assert optimism(same).value < 0.003


def test_the_interval_holds_the_estimate_and_one_model_is_not_chosen():
    losses = (np.random.default_rng(0).random((5, 150)) < 0.2).astype(float)
    found = optimism(losses)
    assert 0 <= found.low <= found.value <= found.high
    assert optimism(losses[:1]).value == 0
    assert found.n == 150


def test_of_a_handful_of_samples_it_is_not_said_to_be_certain():
    losses = (np.random.default_rng(1).random((5, 15)) < 0.3).astype(float)
    found = optimism(losses)
    assert 0 <= found.low < found.value < found.high
