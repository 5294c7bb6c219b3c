"""What a recipe shows by itself, and what is then a consequence of it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phoropter.core.recipe import ModelRecipe
from phoropter.core.records import Finding
from phoropter.core.registry import load
from phoropter.core.run_records import Gate
from phoropter.diagnosis.diagnose import without_consequences
from phoropter.diagnosis.falling import FARTHEST, LONGEST, Falling
from phoropter.diagnosis.narrow import last_units

SOUND = {"train_loss": 2.3 * np.exp(-np.arange(13)) + 0.2, "val_loss": [2.3, *[0.3] * 12]}
SMALL = {"model.name": "cnn", "model.pretrained": False, "model.transfer": "finetune"}


@pytest.mark.parametrize(
    ("optimizer", "lr", "told"),
    [("adamw", 0.1, True), ("adamw", 0.05, False), ("momentum", 3.0, True), ("sgd", 1.0, False)],
)
def test_an_absurd_rate_is_named_even_if_it_did_no_harm(evidence, optimizer, lr, told):
    change = {**SMALL, "train.optimizer": optimizer, "train.lr": lr}
    found = [
        item.severity
        for item in load("phoropter.rules", "lr-too-high")(evidence(**SOUND, change=change))
    ]
    assert found == (["warning"] if told else [])


@pytest.mark.parametrize(
    ("batch", "norm", "told"), [(2, "batch", 1), (2, "group", 0), (8, "batch", 0)]
)
def test_pairs_under_batch_normalisation_are_named(evidence, batch, norm, told):
    change = {**SMALL, "train.batch_size": batch, "model.norm": norm, "model.dropout": 0.0}
    rule = load("phoropter.rules", "batch-too-small")
    assert len(list(rule(evidence(**SOUND, change=change)))) == told


@pytest.mark.parametrize(
    ("name", "width", "depth", "units"),
    [
        ("mlp", 4, 3, 4),
        ("cnn", 1, 1, 1),
        ("xception_small", 2, 2, 8),
        ("efficientnet_lite0", 1, 1, None),
    ],
)
def test_the_last_units_are_those_of_the_network(name, width, depth, units):
    from phoropter.models.small import SmallCnn

    recipe = ModelRecipe(name=name, width=width, depth=depth)
    assert last_units(recipe) == units
    if name == "cnn":
        assert SmallCnn(recipe, channels=1, size=8).feature_count == 4 * units  # a grid of 2 x 2


def test_a_narrow_network_is_not_blamed_on_its_length_or_rate(evidence, predictions):
    """It still falls: through four units ten classes are learnt slowly."""
    falling = np.linspace(2.3, 1.6, 9)
    truth = np.arange(500) % 10
    said = np.where(np.arange(500) % 2, truth, (truth + 1) % 10)
    part = predictions(truth, said, classes=10)
    common = {
        "train_loss": falling,
        "val_loss": falling,
        "predictions": part,
        "train_predictions": part,
    }
    narrow = {**SMALL, "model.name": "mlp", "model.width": 4, "model.depth": 1}
    for change, codes in (
        (narrow, {"underfit"}),
        ({**narrow, "model.width": 64}, {"undertrained"}),
    ):
        made = evidence(**common, change=change)
        names = ("undertrained", "lr-too-low", "underfit")
        found = {
            f.code
            for name in names
            for f in load("phoropter.rules", name)(made)
            if f.severity != "info"
        }
        assert found == codes


def test_a_gate_that_was_passed_by_luck_is_no_pass(evidence, predictions):
    truth = np.arange(60) % 2
    part = predictions(truth, 0 * truth, classes=2)
    rule = load("phoropter.rules", "input-ignored")

    def told(rise, loss, counts=(50, 50)):
        gate = Gate("input-ignored", rise, 0.014, True, {"loss": loss, "standard_error": 0.02})
        return list(rule(evidence(gates=(gate,), predictions=part, counts=counts)))

    assert told(0.03, 0.69)
    assert not told(0.05, 0.69)  # surely worse without its input
    assert not told(0.03, 0.5)  # of use
    assert not told(0.03, 0.69, counts=(99, 1))  # one answer is nearly always right


@given(bend=st.floats(0.05, 0.99))
def test_the_advised_length_leaves_a_tenth(bend):
    state = Falling(certain=True, gain=bend + bend**2, bend=bend, last=10.0)
    times = state.times_longer(150)
    everything = bend / (1 - bend)
    assert 2 <= times <= LONGEST
    if times < LONGEST:
        assert state.fall(times) >= 0.899 * everything


def test_long_runs_are_doubled_and_straight_ones_take_the_most():
    straight = Falling(certain=True, gain=2.0, bend=1.0, last=10.0)
    assert straight.times_longer(150) == LONGEST
    assert straight.times_longer(20) == FARTHEST  # of too few steps, whatever the curve promises
    assert straight.times_longer(5000) == 2
    assert straight.fall(2) == pytest.approx(straight.gain)


@pytest.mark.parametrize(
    ("cause", "consequence"),
    [
        ("loss-at-init", "dead-activations"),
        ("loss-at-init", "diverged"),
        ("preprocessing-mismatch", "dead-activations"),
    ],
)
def test_what_was_wrong_before_the_first_step_explains_what_came_of_it(cause, consequence):
    both = [Finding(code, "warning", 0.9, "m", {}) for code in (cause, consequence)]
    assert [item.code for item in without_consequences(both)] == [cause]
