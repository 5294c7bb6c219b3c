"""Whatever optimiser and schedule: a run that was cut anywhere ends with the same bits."""

from itertools import cycle

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from phoropter.core.checksums import read_record, write_record
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


def same_bits(network, other):
    theirs = other.state_dict()
    return all(torch.equal(value, theirs[name]) for name, value in network.state_dict().items())


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
    assert same_bits(cut.network, whole.network)
    files = [(folder / name / "history.jsonl").read_bytes() for name in ("whole", "cut")]
    assert files[0] == files[1]


def test_a_plateau_lowers_the_rate_in_the_history(digits, tmp_path):
    change = {"schedule": "plateau", "decay_patience": 1, "min_delta": 10.0, "warmup": 0.0}
    outcome = digits().fit(tmp_path, epochs=4, lr=0.01, **change)
    rates = [row.lr for row in outcome.history]
    assert rates[1:] == pytest.approx([0.01, 0.001, 0.0001, 0.00001])


def test_a_cut_run_keeps_the_passes_of_one_that_was_not(digits, tmp_path):
    whole = digits().fit(tmp_path / "whole", epochs=6, watch=Watch(keep=3))
    cut = digits().fit(
        tmp_path / "cut", epochs=6, watch=Watch(keep=3, clock=Ticking(), deadline=6.0)
    )
    assert cut.stopped_by == "budget"
    done = digits().fit(tmp_path / "cut", epochs=6, watch=Watch(keep=3))
    assert done.kept == whole.kept
    for name in sorted(path.name for path in (tmp_path / "whole" / "checkpoint").iterdir()):
        ours, theirs = (tmp_path / run / "checkpoint" / name for run in ("cut", "whole"))
        assert ours.read_bytes() == theirs.read_bytes()
    left = {path.name for path in (tmp_path / "cut" / "checkpoint").iterdir()}
    assert left == {path.name for path in (tmp_path / "whole" / "checkpoint").iterdir()}


def test_a_finished_run_whose_weights_have_changed_is_trained_again(digits, tmp_path):
    setup = digits()
    outcome = setup.fit(tmp_path)
    path = tmp_path / "checkpoint" / "best.safetensors"
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)
    again = digits()
    assert again.fit(tmp_path).history == outcome.history
    assert same_bits(again.network, setup.network)


def test_a_checkpoint_of_other_numerics_is_not_gone_on_with(digits, tmp_path):
    whole = digits()
    whole.fit(tmp_path / "whole")
    cut = digits().fit(tmp_path / "cut", watch=Watch(clock=Ticking(), deadline=3.0))
    assert cut.stopped_by == "budget"
    path = tmp_path / "cut" / "numerics.json"
    other = {**read_record(path), "autocast": True}
    write_record(path, other)
    notes = []
    mixed = digits()
    mixed.fit(tmp_path / "cut", watch=Watch(listener=lambda event: notes.append(str(event))))
    assert not any("Going on" in note for note in notes)
    alone = digits()
    (tmp_path / "alone").mkdir()
    write_record(tmp_path / "alone" / "numerics.json", other)
    alone.fit(tmp_path / "alone")
    assert same_bits(mixed.network, alone.network)
