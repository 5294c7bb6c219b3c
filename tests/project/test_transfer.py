"""The choice between frozen features and fine-tuning, and its reason."""

import numpy as np
import pytest

from phoropter.core.recipe import Recipe
from phoropter.project import transfer
from phoropter.project.baseline import Plan
from phoropter.project.options import Options
from phoropter.project.transfer import ENOUGH, weighed

FROZEN = Plan(Recipe().changed({"train.epochs": 60}), ("Photographs.",))


class Samples:
    """As much of a problem as the choice looks at."""

    def __init__(self, count):
        self.count = count

    def rows(self, part):
        assert part == "train"
        return np.arange(self.count)


@pytest.fixture
def chosen(monkeypatch):
    """The plan for so many images, of which one forward pass takes ten seconds."""

    def choose(count, *, seconds=None, plan=FROZEN, **said):
        monkeypatch.setattr(transfer, "forward_s", lambda *given, **more: 10.0)
        told = []
        options = Options("photos", **said)
        made = weighed(plan, options, Samples(count), seconds=seconds, listener=told.append)
        assert [note.text for note in told] == list(made.reasons[-1:] if told else [])
        return made

    return choose


def test_few_images_get_frozen_features_whatever_the_time(chosen):
    plan = chosen(ENOUGH - 1, seconds=1e6)
    assert plan.recipe == FROZEN.recipe
    assert f"{ENOUGH - 1} training images are few" in plan.reasons[-1]


def test_fine_tuning_needs_the_time(chosen):
    plan = chosen(1000, seconds=1000.0)
    assert plan.recipe == FROZEN.recipe
    # Fifteen passes of four forward passes each.
    assert "about 600 s here (15 passes of 40.0 s)" in plan.reasons[-1]
    assert "there are 1000 s for it" in plan.reasons[-1]


def test_with_images_and_time_all_layers_are_trained(chosen):
    plan = chosen(1000, seconds=1300.0)
    assert plan.recipe.model.transfer == "finetune"
    assert (plan.recipe.train.lr, plan.recipe.train.head_lr_factor) == (3e-4, 10.0)
    assert "1000 training images are enough to try it" in plan.reasons[-1]
    assert "fits into the 1300 s" in plan.reasons[-1]


def test_without_a_budget_the_cheap_way_is_taken_and_the_other_told(chosen):
    plan = chosen(1000)
    assert plan.recipe == FROZEN.recipe
    assert "no budget was given" in plan.reasons[-1]


def test_the_users_settings_are_kept(chosen):
    plan = chosen(1000, seconds=1e6, settings={"train.epochs": 3})
    assert (plan.recipe.model.transfer, plan.recipe.train.epochs) == ("finetune", 3)


@pytest.mark.parametrize(
    "said",
    [{"settings": {"model.transfer": "features"}}, {"recipe": Recipe()}],
)
def test_what_the_user_decided_is_left_alone(said, chosen):
    assert chosen(1000, seconds=1e6, **said) == FROZEN


@pytest.mark.parametrize("change", [{"model.name": "cnn"}, {"model.name": "logistic"}])
def test_where_nothing_is_frozen_there_is_no_choice(change, chosen):
    plan = Plan(Recipe().changed(change), ("Why.",))
    assert chosen(1000, seconds=1e6, plan=plan) is plan
