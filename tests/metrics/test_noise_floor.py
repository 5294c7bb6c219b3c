"""Edge cases of the share of wrong labels; how well it is recovered: tests/look."""

import numpy as np
import pytest

from phoropter.metrics import noise_floor as module
from phoropter.metrics.noise_floor import fit_noise_floor


def drawn(share, *, count, classes=5, temperature=1.0, seed=0):
    draw = np.random.default_rng(seed)
    scores = 3.0 * draw.normal(size=(count, classes))
    told, true = (np.exp(scores / over) for over in (1.0, temperature))
    told, true = (one / one.sum(axis=1, keepdims=True) for one in (told, true))
    labels = (draw.random(count)[:, None] > true.cumsum(axis=1)).sum(axis=1).clip(0, classes - 1)
    wrong = draw.random(count) < share
    labels[wrong] = (labels[wrong] + draw.integers(1, classes, wrong.sum())) % classes
    return labels, told, wrong.mean()


@pytest.mark.parametrize("temperature", [1.0, np.exp(0.07), np.exp(0.1)])
def test_many_samples_have_a_short_interval_around_a_small_share(temperature):
    labels, told, truth = drawn(0.01, count=100_000, temperature=temperature)
    floor = fit_noise_floor(labels, told)
    assert 0 < floor.low < floor.share < floor.high < 0.02
    assert floor.high - floor.low < 0.005
    assert floor.share == pytest.approx(truth, abs=0.003)


def test_the_interval_is_that_of_the_profile_likelihood():
    labels, told, _ = drawn(0.1, count=500)
    floor = fit_noise_floor(labels, told)
    logs = np.log(told)

    def likelihood(share):
        """By brute force over temperatures."""
        given = []
        for log_temperature in np.linspace(-1, 1, 401):
            own = np.exp(logs / np.exp(log_temperature))
            own = (own / own.sum(axis=1, keepdims=True))[np.arange(500), labels]
            uniform = share / 0.8
            given.append(np.log((1 - uniform) * own + uniform / 5).sum())
        return max(given)

    best = likelihood(floor.share)
    for end in (floor.low, floor.high):
        assert best - likelihood(end) == pytest.approx(module._INTERVAL, abs=0.05)
    for other in (floor.share - 0.003, floor.share + 0.003):
        assert likelihood(other) < best


@pytest.mark.parametrize("classes", [2, 10])
def test_probabilities_that_say_nothing_leave_all_open(classes):
    labels = np.random.default_rng(0).integers(0, classes, 300)
    floor = fit_noise_floor(labels, np.full((300, classes), 1 / classes))
    assert (floor.low, floor.p_value) == (0.0, 1.0)
    assert floor.high == pytest.approx(0.95 * (classes - 1) / classes)


def test_right_and_sure_labels_have_no_floor():
    labels = np.random.default_rng(0).integers(0, 3, 300)
    told = np.full((300, 3), 0.01)
    told[np.arange(300), labels] = 0.98
    floor = fit_noise_floor(labels, told)
    assert floor.share == floor.low == 0
    assert floor.p_value == 1
    assert 0 < floor.high < 0.02
    assert not floor.wrong.any()


def test_labels_without_any_relation_are_nearly_all_wrong():
    told = drawn(0.0, count=2000)[1]
    others = np.random.default_rng(1).integers(0, 5, 2000)
    floor = fit_noise_floor(others, told)
    assert floor.high > 0.7
