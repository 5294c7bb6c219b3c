"""How much error is left, by the range of the metric."""

import math
from dataclasses import replace

import pytest

from phoropter.core.recipe import Recipe
from phoropter.core.registry import names
from phoropter.improvement.candidates import ranked
from phoropter.improvement.prescriptions.ideas import ideas
from phoropter.improvement.prescriptions.making import remaining_error
from phoropter.metrics import named


@pytest.fixture
def run(evidence, own_metric):
    """Evidence of a run by a metric of one's own."""

    def made(name, *, greater=True):
        return replace(evidence(), metric=own_metric(name), greater_is_better=greater)

    return made


def test_the_error_ends_where_the_metrics_range_does(run, evidence):
    assert remaining_error(run("percent")) == 63.0
    assert remaining_error(evidence()) == pytest.approx(0.2)
    assert remaining_error(evidence(values=True)) == pytest.approx(0.5)


def test_without_a_best_value_no_gain_is_known_and_everything_is_still_tried(run):
    for unknown in (run("points"), run("height", greater=False)):
        assert remaining_error(unknown) is None
        found = ideas(unknown)
        gains = {cure.expected_gain for idea in found for cure in idea.prescriptions}
        assert gains == {None}
        assert ranked(found, Recipe(), tried=set(), run_s=1.0, left_s=60.0)


def test_every_metric_of_ours_has_a_best_value():
    assert all(math.isfinite(named(name).best) for name in names("phoropter.metrics"))


@pytest.mark.parametrize(("value", "left"), [(0.8, 0.2), (93.0, None)])
def test_somebody_elses_number_is_a_share_or_not_known(evidence, value, left):
    run = evidence()
    history = tuple(replace(row, val_metric=value) for row in run.history)
    run = replace(run, metric="recall@5", predictions=None, history=history)
    assert remaining_error(run) == (left if left is None else pytest.approx(left))
