import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from phoropter.core.checksums import read_record, write_record
from phoropter.core.errors import CorruptFileError, UsageError
from phoropter.core.recipe import Recipe, TrainRecipe
from phoropter.training.batch_size import doubled, largest, read_sizing
from phoropter.training.plan import make_plan
from phoropter.training.records import Watch


@given(fixed=st.floats(1e-4, 1.0), each=st.floats(1e-6, 1e-2))
def test_doubling_ends_where_a_sample_is_hardly_cheaper(fixed, each):
    """A step of n samples takes a + b n seconds, so a doubling saves a / (2 (a + b n))."""
    found = doubled(lambda size: fixed + each * size, most=1024).batch_size
    gains = {size: fixed / (2 * (fixed + each * size)) for size in (16, 32, 64, 128, 256, 512)}
    assert all(gains[size] >= 0.0999 for size in gains if size < found)
    assert found == 1024 or gains[found] < 0.1001


def test_time_that_runs_out_is_said():
    ticks = iter([0.0, 1.0, 6.0])
    sizing = doubled(lambda size: 1.0, most=1024, clock=lambda: next(ticks))
    assert sizing.batch_size == 32
    assert sizing.seconds_per_sample == {"16": 1 / 16, "32": 1 / 32}
    assert "no time" in sizing.reason


@pytest.mark.parametrize(
    ("samples", "epochs", "numbers", "expected"),
    [
        (10, 100, 2, 16),  # the plan caps it
        (10_000, 1000, 2, 1024),
        (10_000, 1000, 3 * 224 * 224, 64),
        (1_000, 20, 2, 64),
    ],
)
def test_the_largest_batch_leaves_steps_and_memory(samples, epochs, numbers, expected):
    assert largest(samples=samples, epochs=epochs, numbers=numbers) == expected


def test_a_full_batch_is_one_step_a_pass():
    plan = make_plan(TrainRecipe(batch_size="full", epochs=7), samples=321)
    assert (plan.batch_size, plan.total_steps) == (321, 7)


@pytest.mark.parametrize("value", ["most", 0, True])
def test_other_words_are_refused(value):
    with pytest.raises(UsageError, match=r"train\.batch_size"):
        Recipe().changed({"train.batch_size": value})


def test_what_was_found_is_recorded_and_taken_again(digits, tmp_path):
    outcome = digits().fit(tmp_path / "once", batch_size="auto", epochs=40)
    recorded = read_record(tmp_path / "once" / "batch_size.json")
    size = recorded["batch_size"]
    assert outcome.numerics["batch_size"] == size
    assert recorded["seconds_per_sample"].keys() >= {"16", "32"}
    assert (
        outcome.steps == 40 * make_plan(TrainRecipe(batch_size=size), samples=250).steps_per_epoch
    )
    # A run that is cut and goes on has the same steps, whatever the machine does meanwhile.
    folder = tmp_path / "again"
    folder.mkdir()
    recorded["batch_size"] = 128
    write_record(folder / "batch_size.json", recorded)
    cut = digits()
    cut.fit(folder, batch_size="auto", watch=Watch(deadline=5.0, clock=lambda: 10.0))
    assert cut.fit(folder, batch_size="auto").steps == 3 * 2
    given_size = digits()
    given_size.fit(tmp_path / "given", batch_size=128)
    ours, theirs = cut.network.state_dict(), given_size.network.state_dict()
    assert all(torch.equal(value, theirs[name]) for name, value in ours.items())


def test_a_damaged_record_is_said(tmp_path):
    (tmp_path / "batch_size.json").write_text('{"size": 3}')
    with pytest.raises(CorruptFileError, match="is damaged"):
        read_sizing(tmp_path)
