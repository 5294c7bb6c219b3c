"""The choice between frozen features and fine-tuning, and its reason."""

from pathlib import Path

import numpy as np
import pytest

from phoropter.core.errors import UsageError
from phoropter.core.recipe import Recipe
from phoropter.prediction.features import DeepFeatures
from phoropter.project import transfer
from phoropter.project.baseline import Plan
from phoropter.project.options import Options
from phoropter.project.transfer import (
    LARGER_PX,
    MEASURED,
    enlarged,
    sized,
    weighed,
)

FROZEN = Plan(Recipe().changed({"train.epochs": 60}), ("Photographs.",))


class Samples:
    """As much of a problem as the choice looks at."""

    def __init__(self, count):
        self.count = count
        self.dataset = range(count)
        self.cache = Path("cache")

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


TINY = Plan(
    Recipe().changed(
        {"data.size": 32, "model.name": "cnn", "model.pretrained": False, "data.normalize": "data"}
    ),
    ("Tiny images.",),
)


@pytest.fixture
def with_time(monkeypatch):
    """The plan after 100 s are left and the features of 224 px take so long, by area otherwise."""

    def choose(function, plan, *, at_224, **said):
        def needed(features, *_):
            return at_224 * (features.size / 224) ** 2

        monkeypatch.setattr(DeepFeatures, "waiting_s", needed)
        told = []
        options = Options("photos", **said)
        made = function(plan, options, Samples(500), seconds=100.0, listener=told.append)
        assert [note.text for note in told] == list(made.reasons[1:])
        return made

    return choose


@pytest.mark.parametrize(("at_224", "side"), [(24.0, LARGER_PX), (25.0, 224)])
def test_features_of_larger_images_where_they_take_little_of_the_time(at_224, side, with_time):
    made = with_time(sized, FROZEN, at_224=at_224)
    assert made.recipe == FROZEN.recipe.changed({"data.size": side})


@pytest.mark.parametrize(
    "said", [{"settings": {"data.size": 160}}, {"recipe": Recipe()}], ids=["size", "recipe"]
)
def test_the_users_size_stays(said, with_time):
    assert with_time(sized, FROZEN, at_224=0.1, **said) == FROZEN


def test_larger_images_whose_features_are_kept_are_taken_without_any_time_left(monkeypatch):
    monkeypatch.setattr(DeepFeatures, "waiting_s", lambda *_: 0.0)
    late = {"seconds": -1.0, "listener": lambda event: None}
    made = sized(FROZEN, Options("photos"), Samples(500), **late)
    assert made.recipe.data.size == LARGER_PX


def test_networks_from_scratch_keep_their_size(with_time):
    assert with_time(sized, TINY, at_224=0.1) is TINY
    assert with_time(sized, TINY, at_224=1000.0) is TINY


@pytest.mark.parametrize(
    ("at_224", "side"), [(59.0, 224), (61.0, 160), (150.0, 128), (1e4, 64)], ids=str
)
def test_images_are_smaller_where_their_features_would_take_most_of_the_time(
    at_224, side, with_time
):
    """Of 100 s, 60 may go into it."""
    made = with_time(sized, FROZEN, at_224=at_224)
    assert made.recipe == FROZEN.recipe.changed({"data.size": side})


def test_no_side_is_chosen_that_a_network_cannot_see(with_time, monkeypatch):
    least = Plan(FROZEN.recipe.changed({"model.name": "inception_v3"}), FROZEN.reasons)
    assert with_time(sized, least, at_224=1e4).recipe.data.size == 96
    small = Plan(FROZEN.recipe.changed({"data.size": 64}), FROZEN.reasons)
    assert with_time(sized, small, at_224=1e4) is small

    def needed(features, *_):
        if features.size == LARGER_PX:
            raise UsageError("The network knows 224 px alone.", hint="")
        return 1e4

    monkeypatch.setattr(DeepFeatures, "waiting_s", needed)
    late = {"seconds": 100.0, "listener": lambda event: None}
    assert sized(FROZEN, Options("photos"), Samples(500), **late) is FROZEN


@pytest.mark.parametrize(
    ("at_224", "size"), [(100.0, 96), (280.0, 96), (350.0, 88), (400.0, 80), (650.0, 64)]
)
def test_tiny_photographs_are_enlarged_where_there_is_time(at_224, size, with_time):
    """Of 100 s, 60 may go into it: 51 s at 96 px, 54 s at 88, 51 s at 80 or 53 s at 64 px."""
    recipe = with_time(enlarged, TINY, at_224=at_224).recipe
    assert (recipe.data.size, recipe.model.name) == (size, "efficientnet_lite0")
    assert (recipe.model.transfer, recipe.data.normalize) == ("features", "weights")


def test_without_that_time_a_small_network_it_is(with_time):
    assert with_time(enlarged, TINY, at_224=750.0) is TINY


@pytest.mark.parametrize("change", [{"data.channels": 1}, {"data.size": 16}, {"model.name": "mlp"}])
def test_what_is_no_tiny_photograph_is_not_enlarged(change, with_time):
    plan = Plan(TINY.recipe.changed(change), TINY.reasons)
    assert with_time(enlarged, plan, at_224=1.0) is plan


@pytest.mark.parametrize(
    ("moments", "side", "asked"),
    [
        ([70.0, 90.0, 59.0], 96, 3),  # the others had the machine for a moment
        ([70.0, 80.0, 61.0, 10.0], 88, 3),
        ([121.0, 10.0], 64, 1),  # no moment makes that of 60 s
    ],
)
def test_what_hardly_fits_is_timed_again(moments, side, asked, monkeypatch):
    timed = iter(moments)
    sizes = []

    def needed(features, *_):
        sizes.append(features.size)
        return next(timed, 1.0)

    monkeypatch.setattr(DeepFeatures, "waiting_s", needed)
    late = {"seconds": 100.0, "listener": lambda event: None}
    assert enlarged(TINY, Options("photos"), Samples(500), **late).recipe.data.size == side
    assert len(sizes) == asked
