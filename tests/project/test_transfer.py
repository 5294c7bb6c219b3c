"""The choice between frozen features and fine-tuning, and its reason."""

import numpy as np
import pytest

from phoropter.core.recipe import Recipe
from phoropter.project import transfer
from phoropter.project.baseline import Plan
from phoropter.project.options import Options
from phoropter.project.transfer import MEASURED, weighed

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

    def choose(count, *, plan=FROZEN, **said):
        monkeypatch.setattr(transfer, "forward_s", lambda *given, **more: 10.0)
        told = []
        options = Options("photos", **said)
        made = weighed(plan, options, Samples(count), listener=told.append)
        assert [note.text for note in told] == list(made.reasons[-1:] if told else [])
        return made

    return choose


def test_few_images_get_frozen_features_and_are_told_why(chosen):
    plan = chosen(MEASURED)
    assert plan.recipe == FROZEN.recipe
    assert f"{MEASURED} training images are few" in plan.reasons[-1]


def test_with_more_it_is_told_what_fine_tuning_would_cost(chosen):
    plan = chosen(1000)
    assert plan.recipe == FROZEN.recipe
    # Fifteen passes of four forward passes each.
    assert "about 600 s here (15 passes of 40.0 s)" in plan.reasons[-1]


def test_the_users_settings_are_reckoned_with(chosen):
    assert "(3 passes of 40.0 s)" in chosen(1000, settings={"train.epochs": 3}).reasons[-1]


@pytest.mark.parametrize(
    "said",
    [{"settings": {"model.transfer": "features"}}, {"recipe": Recipe()}],
)
def test_what_the_user_decided_is_left_alone(said, chosen):
    assert chosen(1000, **said) == FROZEN


@pytest.mark.parametrize("change", [{"model.name": "cnn"}, {"model.name": "logistic"}])
def test_where_nothing_is_frozen_there_is_no_choice(change, chosen):
    plan = Plan(Recipe().changed(change), ("Why.",))
    assert chosen(1000, plan=plan) is plan
