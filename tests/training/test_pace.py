"""What a run takes, told from a few timed steps: by arithmetic on a clock that is made up."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from phoropter.data.memory import MemoryInputs
from phoropter.training import pace as module
from phoropter.training.numerics import Trial
from phoropter.training.pace import MOST_TRIALS, paced
from phoropter.training.plan import make_plan

COST_S, ON_AVERAGE = 2.0, 1.1


@pytest.fixture
def rehearsed(monkeypatch):
    """A machine on which every trial costs two seconds, and a step as much as it is told."""

    def at(seconds, *, bfloat16=False, rounded=0.0):
        clock, tried = [0.0], []

        def trial(numerics):
            clock[0] += COST_S
            tried.append(numerics.name)
            took = seconds[numerics.name]
            return Trial([1.0 + rounded * numerics.autocast], took / ON_AVERAGE)

        monkeypatch.setattr(module, "rehearsal", lambda *_, **__: trial)
        monkeypatch.setattr(module, "time", SimpleNamespace(perf_counter=lambda: clock[0]))
        monkeypatch.setattr(module, "has_bfloat16", lambda _: bfloat16)
        return tried

    return at


@pytest.fixture
def images(digits):
    """The digits as pictures, for a network that autograd is needed for."""
    setup = digits()
    network = nn.Sequential(nn.Conv2d(1, 4, 3), nn.SiLU(), nn.Flatten(), nn.Linear(144, 10))
    pixels = setup.data.inputs.batch(torch.arange(400).numpy()).reshape(-1, 1, 8, 8)
    return replace(setup, network=network).having(inputs=MemoryInputs(pixels.numpy()))


def pace_of(setup, **change):
    recipe = setup.recipe(**{"epochs": 10, "batch_size": 50, "numerics": "auto", **change})
    plan = make_plan(recipe.train, samples=len(setup.data.train_rows))
    objective = setup.task.objective(setup.network, recipe, setup.schema)
    return paced(objective, setup.network, setup.data, recipe, plan)


ALL = {"float32": 0.05, "float32, direct": 0.01, "bfloat16, channels last": 0.02}


def test_a_sample_takes_its_share_of_a_step(digits, rehearsed):
    """However many of them are left for the last batch of a pass."""
    rehearsed(ALL)
    assert pace_of(digits(), numerics="float32").sample_s == pytest.approx(0.05 / 50)
    whole = pace_of(digits(), numerics="float32", accumulate=2)
    assert whole.sample_s == pytest.approx(0.05 / 100)


def test_what_the_recipe_names_is_not_chosen(digits, rehearsed):
    tried = rehearsed({"bfloat16": 0.1})
    assert pace_of(digits(), numerics="bfloat16").choosing_s == 0
    assert tried == ["bfloat16"]


def test_a_run_of_few_steps_chooses_nothing(digits, rehearsed):
    rehearsed(ALL)
    assert pace_of(digits(), epochs=2).choosing_s == 0


def test_a_short_run_times_its_steps_once(images, rehearsed):
    rehearsed(ALL)
    assert pace_of(images).choosing_s == COST_S


def test_gradients_without_the_engine_are_tried_where_a_run_would(digits, rehearsed):
    tried = rehearsed(ALL)
    found = pace_of(digits())
    assert tried == ["float32", "float32, direct"]
    assert found.choosing_s == 2 * COST_S
    assert found.sample_s == pytest.approx(0.01 / 50)


@pytest.mark.parametrize(
    ("step_s", "trials"),
    [
        (0.5, 1),  # about 22 s are planned: no time for a second trial in a tenth of them
        (1.0, 2),
        (100.0, MOST_TRIALS),
    ],
)
def test_a_long_run_chooses_while_it_has_time(images, rehearsed, step_s, trials):
    seconds = {"float32": step_s, "bfloat16, channels last": 0.99 * step_s}
    tried = rehearsed(seconds, bfloat16=True)
    found = pace_of(images)
    assert found.choosing_s == trials * COST_S
    assert len(tried) == min(trials, 2)
    assert found.sample_s == pytest.approx(step_s / 50)  # a hundredth is noise


def test_what_is_faster_by_more_than_noise_is_reckoned_with(images, rehearsed):
    rehearsed({"float32": 9.0, "bfloat16, channels last": 3.0}, bfloat16=True)
    assert pace_of(images).sample_s == pytest.approx(3.0 / 50)


def test_what_is_faster_and_computes_otherwise_is_not_reckoned_with(images, rehearsed):
    """A run leaves it out, too."""
    rehearsed({"float32": 9.0, "bfloat16, channels last": 3.0}, bfloat16=True, rounded=0.1)
    assert pace_of(images).sample_s == pytest.approx(9.0 / 50)


def test_what_is_known_of_the_processor_decides_what_is_tried(images, rehearsed):
    assert not rehearsed({"float32": 9.0})
    assert pace_of(images).sample_s == pytest.approx(9.0 / 50)


def test_answers_are_timed_on_the_network_itself(images):
    found = pace_of(images)
    assert 0 < found.judged_s < 1
    assert found.plain_s == found.judged_s  # there is but one layout
    assert not images.network.training
