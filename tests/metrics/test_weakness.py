from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest

from phoropter.metrics import named
from phoropter.metrics.weakness import LEAST_SAMPLES, SHUFFLES, corrected_p, slice_scores


def test_it_agrees_with_all_permutations():
    loss = np.array([1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 2.0])
    slices = [np.array([0, 6]), np.array([2, 3, 4]), np.array([0, 1, 2, 6])]
    sizes = np.array([len(rows) for rows in slices])

    def excesses(losses):
        centred = losses - losses.mean()
        spread = np.sqrt(losses.var() * sizes * (1 - sizes / 7))
        return np.array([centred[rows].sum() for rows in slices]) / spread

    largest = np.array([excesses(np.array(one)).max() for one in permutations(loss)])
    exact = [(largest >= value - 1e-9).mean() for value in excesses(loss)]
    found = corrected_p(loss, slices, seed=0)
    np.testing.assert_allclose(found, exact, atol=4 * np.sqrt(0.25 / SHUFFLES))


def test_a_planted_weakness_is_found_and_comes_first(classifier):
    predictions = classifier(400, skill=2.5)
    dark = np.arange(400) % 5 == 0
    truth = np.where(dark & (np.arange(400) % 10 == 0), 1 - predictions.truth, predictions.truth)
    broken = replace(predictions, truth=truth)
    noise = np.random.default_rng(0).normal(size=(6, 400))
    columns = {f"noise {row}": values for row, values in enumerate(noise)}
    found = slice_scores(
        broken, {**columns, "light": np.where(dark, "dark", "bright")}, primary="macro_f1"
    )
    assert [(item.column, item.value) for item in found if item.weak] == [("light", "dark")]
    assert found[0].value == "dark"
    rows = np.flatnonzero(dark)
    assert found[0].metric.value == pytest.approx(named("accuracy")(broken.take(rows)))
    assert found[0].metric.n == len(rows)
    values = [item.metric.value for item in found[1:]]
    assert values == sorted(values)


def test_chance_is_called_weak_in_one_of_twenty_projects_at_most(classifier):
    """Sixty slices each, none of them weak: any false alarm counts against the whole."""
    draw = np.random.default_rng(1)
    alarms = 0
    for seed in range(100):
        predictions = classifier(200, seed=seed)
        wrong = (predictions.predicted != predictions.truth).astype(float)
        slices = [draw.permutation(200)[:50] for _ in range(60)]
        alarms += bool((corrected_p(wrong, slices, seed=seed) <= 0.05).any())
    assert alarms <= 12  # 5 are expected; 13 or more have a chance of 0.2 %


def test_numbers_are_judged_by_their_mean_error(regressor):
    predictions = regressor(120, numbers=2)
    far = np.arange(120) % 4 == 0
    values = predictions.values + np.where(far, 5.0, 0.0)[:, None]
    found = slice_scores(
        replace(predictions, values=values), {"place": np.where(far, "far", "near")}, primary="rmse"
    )
    assert [(item.value, item.weak, item.metric.name) for item in found] == [
        ("far", True, "mae"),
        ("near", False, "mae"),
    ]


def test_a_cost_is_sliced_as_a_cost(classifier):
    predictions = classifier(300, prior=(0.8, 0.2), skill=1.0)
    name = "cost(c1>c0=20)"
    found = slice_scores(predictions, {"class": predictions.truth.astype(str)}, primary=name)
    assert {item.metric.name for item in found} == {name}
    assert (found[0].value, found[0].weak) == ("1", True)
    assert found[0].metric.value > found[1].metric.value


def test_what_cannot_be_sliced_is_not(classifier):
    predictions = classifier(100)
    few = np.where(np.arange(100) < LEAST_SAMPLES - 1, "few", "many")
    columns = {"same": ["x"] * 100, "names": [f"n{i}" for i in range(100)], "few": few}
    found = slice_scores(predictions, columns, primary="accuracy")
    assert [(item.column, item.value) for item in found] == [("few", "many")]
    assert slice_scores(predictions, {}, primary="accuracy") == ()
    unknown = replace(predictions, truth=np.where(few == "many", predictions.truth, -1))
    assert slice_scores(unknown, {"few": few}, primary="accuracy") == ()


def test_without_a_mistake_nothing_is_weak(from_probabilities):
    predictions = from_probabilities([0] * 40, [[0.9, 0.1]] * 40)
    found = slice_scores(predictions, {"half": ["a", "b"] * 20}, primary="accuracy")
    assert [(item.p_value, item.weak) for item in found] == [(1.0, False)] * 2
