"""Whatever optimiser and schedule: a run that was cut anywhere ends with the same bits."""

from itertools import cycle

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from phoropter.core.recipe import TrainRecipe
from phoropter.training.records import Watch

OPTIMIZERS = TrainRecipe.model_fields["optimizer"].annotation.__args__
SCHEDULES = TrainRecipe.model_fields["schedule"].annotation.__args__
EPOCHS = 5


class Ticking:
    """A clock that goes on by itself, so that a deadline falls where the test wants it."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        self.now += 0.1
        return self.now


@pytest.mark.parametrize(
    ("optimizer", "schedule"), list(zip(OPTIMIZERS, cycle(SCHEDULES), strict=False))
)
@settings(
    max_examples=3,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],  # it is a factory
)
@given(deadlines=st.lists(st.floats(1.0, 9.0), min_size=1, max_size=2))
def test_a_cut_run_ends_with_the_same_bits(
    optimizer, schedule, deadlines, digits, tmp_path_factory
):
    change = {
        "optimizer": optimizer,
        "schedule": schedule,
        "epochs": EPOCHS,
        "decay_patience": 1,
        "min_delta": 0.5,
        "clip": 1.0,
        "ema": 0.9,
    }
    folder = tmp_path_factory.mktemp("resume")
    whole, cut = digits(train=120), digits(train=120)
    whole.fit(folder / "whole", **change)
    for deadline in deadlines:
        cut.fit(folder / "cut", watch=Watch(clock=Ticking(), deadline=deadline), **change)
        cut = digits(train=120)
    outcome = cut.fit(folder / "cut", **change)
    assert outcome.stopped_by == "finished"
    ours, theirs = cut.network.state_dict(), whole.network.state_dict()
    assert all(torch.equal(value, theirs[name]) for name, value in ours.items())
    files = [(folder / name / "history.jsonl").read_bytes() for name in ("whole", "cut")]
    assert files[0] == files[1]


def test_a_plateau_lowers_the_rate_in_the_history(digits, tmp_path):
    change = {"schedule": "plateau", "decay_patience": 1, "min_delta": 10.0, "warmup": 0.0}
    outcome = digits().fit(tmp_path, epochs=4, lr=0.01, **change)
    rates = [row.lr for row in outcome.history]
    assert rates[1:] == pytest.approx([0.01, 0.001, 0.0001, 0.00001])
