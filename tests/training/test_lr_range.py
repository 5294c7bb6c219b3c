import numpy as np
import pytest
import torch
from torch import nn

from phoropter.core.run_records import RangePoint
from phoropter.data.memory import MemoryInputs
from phoropter.tasks.supervised import Losses, Supervised
from phoropter.training.lr_range import HIGHEST, LOWEST, suggested, sweep
from phoropter.training.records import TrainingData


def ones():
    """Eight times the same sample, so that the weights are all that a loss depends on."""
    return TrainingData(
        inputs=MemoryInputs(np.ones((8, 1), dtype=np.float32)),
        targets=torch.zeros(8),
        train_rows=np.arange(8),
        val_rows=np.arange(0),
        train_eval_rows=np.arange(8),
        metric=lambda outputs, rows: 0.0,
    )


def bowl_recipe(digits):
    return digits().recipe(optimizer="sgd", weight_decay=0.0, batch_size="full")


def test_descent_in_a_bowl_follows_its_closed_form(digits):
    """Half the squared distance has curvature 1: each step multiplies the distance by 1 - rate."""
    network = nn.Linear(1, 4, bias=False)
    losses = Losses(
        lambda outputs, targets: outputs.square().sum(dim=1).mean() / 2,
        lambda outputs, targets: outputs,
    )
    start = float(network.weight.detach().square().sum() / 2)
    points = sweep(Supervised(network, losses), network, ones(), bowl_recipe(digits), steps=100)
    rates = LOWEST * (HIGHEST / LOWEST) ** (np.arange(len(points)) / 99)
    np.testing.assert_allclose([point.lr for point in points], rates)
    left = np.concatenate([[1.0], np.cumprod(1 - rates)[:-1] ** 2])
    np.testing.assert_allclose([point.loss for point in points], start * left, rtol=1e-3, atol=1e-9)


def test_a_loss_below_zero_is_followed_until_it_runs_away(digits):
    """Half a hundred times the squared distance diverges from a rate of 0.02 on."""
    network = nn.Linear(1, 4, bias=False)
    nn.init.constant_(network.weight, 0.1)
    losses = Losses(
        lambda outputs, targets: 50 * outputs.square().sum(dim=1).mean() - 100,
        lambda outputs, targets: outputs,
    )
    points = sweep(Supervised(network, losses), network, ones(), bowl_recipe(digits), steps=100)
    lowest = min(point.smoothed for point in points)
    assert lowest < -98
    assert points[-1].lr > 0.02
    assert points[-1].smoothed > lowest + 3 * abs(lowest) >= points[-2].smoothed


def test_a_range_test_on_digits_suggests_a_rate_that_works(digits, tmp_path):
    setup = digits()
    recipe = setup.recipe(optimizer="adam")
    objective = setup.task.objective(setup.network, recipe, setup.schema)
    points = sweep(objective, setup.network, setup.data, recipe, steps=150)
    rate = suggested(points)
    assert 1e-4 < rate < 0.05
    assert points[-1].smoothed > min(point.smoothed for point in points)
    good = digits().fit(tmp_path / "good", optimizer="adam", lr=rate, epochs=12)
    far = digits().fit(tmp_path / "far", optimizer="adam", lr=rate / 1000, epochs=12)
    lowest = [min(row.val_loss for row in outcome.history) for outcome in (good, far)]
    assert lowest[0] < 0.5 * lowest[1]


def test_the_same_seed_gives_the_same_points(digits):
    def points():
        setup = digits()
        objective = setup.task.objective(setup.network, setup.recipe(), setup.schema)
        return sweep(objective, setup.network, setup.data, setup.recipe(), steps=20)

    assert points() == points()


def curve(loss_of, count=141):
    rates = [10 ** (-6 + 7 * at / (count - 1)) for at in range(count)]
    return [RangePoint(rate, loss_of(rate), loss_of(rate)) for rate in rates]


def test_the_rule_on_a_known_curve():
    """A fall centred at 0.001 (in the logarithm) and a wall at 1: the centre is taken."""
    points = curve(lambda rate: 2 - 1 / (1 + (0.001 / rate) ** 2) + rate**4)
    assert suggested(points) == pytest.approx(0.001, rel=0.15)


def test_the_rule_is_the_same_below_zero():
    points = curve(lambda rate: -2 - 1 / (1 + (0.001 / rate) ** 2) + rate**4)
    assert suggested(points) == pytest.approx(0.001, rel=0.15)


def test_the_rule_never_goes_beyond_a_tenth_of_the_lowest():
    points = curve(lambda rate: 2 - rate if rate < 0.5 else 3.0)
    lowest = max(point.lr for point in points if point.lr < 0.5)
    assert suggested(points) == pytest.approx(lowest / 10)


def test_nothing_is_suggested_where_nothing_was_learnt():
    for loss_of in (lambda rate: 1.0, lambda rate: 1.0 + rate, lambda rate: 1.0 - rate / 300):
        assert suggested(curve(loss_of)) is None
    for loss_of in (lambda rate: -1.0, lambda rate: -1.0 - rate / 300):
        assert suggested(curve(loss_of)) is None
    assert suggested([]) is None
