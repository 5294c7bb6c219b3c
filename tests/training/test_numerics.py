import pytest
import torch
from torch import nn

from phoropter.core.errors import CorruptFileError
from phoropter.training import numerics as numerics_module
from phoropter.training.numerics import (
    Numerics,
    Trial,
    compiled,
    fixed,
    measured,
    read_numerics,
    unmeasured,
    write_numerics,
)


def answering(seconds, losses=None, *, one_thread=9.0):
    """A stand-in for real steps: seconds and losses by name, other seconds on a single thread."""
    asked = []

    def trial(numerics):
        asked.append(numerics.name)
        alone = len(asked) > 1 and numerics.threads == 1 and one_thread < 9.0
        took = one_thread if alone else seconds[numerics.name]
        return Trial((losses or {}).get(numerics.name, [1.0, 0.9]), took)

    return trial, asked


def plain(threads):
    return unmeasured(nn.Linear(1, 1), images=False, threads=threads)


SECONDS = {
    "float32": 1.0,
    "float32, channels last": 0.7,
    "bfloat16": 0.6,
    "bfloat16, channels last": 0.5,
}


def test_depthwise_networks_begin_with_the_channels_last():
    ordinary = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Conv2d(8, 8, 3, groups=2), nn.Conv2d(1, 4, 3))
    depthwise = nn.Sequential(ordinary, nn.Conv2d(8, 8, 3, groups=8))
    assert not unmeasured(ordinary, images=True, threads=1).channels_last
    assert not unmeasured(depthwise, images=False, threads=1).channels_last
    assert unmeasured(depthwise, images=True, threads=1).channels_last
    trial, asked = answering(SECONDS)
    begun = unmeasured(depthwise, images=True, threads=1)
    short = measured(trial, total_steps=39, plain=begun, images=True)
    assert short.name == begun.name
    asked.clear()
    chosen = measured(trial, total_steps=3000, plain=begun, images=True)
    assert asked[0] == "float32, channels last"
    assert chosen.seconds_per_step == SECONDS


def test_the_fastest_is_taken_and_every_timing_kept():
    trial, _ = answering(SECONDS)
    chosen = measured(trial, total_steps=3000, plain=plain(1), images=True)
    assert (chosen.name, chosen.threads) == ("bfloat16, channels last", 1)
    assert chosen.seconds_per_step == SECONDS
    assert "fastest of 4" in chosen.reason


def test_one_thread_is_taken_where_it_is_faster():
    trial, _ = answering(SECONDS, one_thread=0.2)
    chosen = measured(trial, total_steps=3000, plain=plain(2), images=True)
    assert (chosen.name, chosen.threads) == ("bfloat16, channels last", 1)
    assert "one thread was the fastest of 5" in chosen.reason


def test_one_that_computes_something_else_is_not_taken():
    trial, _ = answering(SECONDS, {"bfloat16, channels last": [1.0, 2.0], "bfloat16": [1.0, 0.1]})
    chosen = measured(trial, total_steps=3000, plain=plain(1), images=True)
    assert chosen.name == "float32, channels last"


def test_a_small_gain_is_noise():
    trial, _ = answering({**dict.fromkeys(SECONDS, 0.97), "float32": 1.0})
    assert measured(trial, total_steps=3000, plain=plain(1), images=True).name == "float32"


def test_features_have_no_layout_to_choose():
    trial, asked = answering(SECONDS)
    measured(trial, total_steps=3000, plain=plain(1), images=False)
    assert set(asked) == {"float32", "bfloat16"}


def test_a_quick_run_is_not_measured_further():
    trial, asked = answering({"float32": 0.1})
    chosen = measured(trial, total_steps=190, plain=plain(1), images=True)
    assert (chosen.name, asked) == ("float32", ["float32"])
    assert "19 s" in chosen.reason


def test_a_run_of_few_steps_is_not_measured_at_all():
    trial, asked = answering({})
    assert measured(trial, total_steps=39, plain=plain(1), images=True).name == "float32"
    assert asked == []


def test_direct_gradients_are_taken_where_they_are_faster_and_the_same():
    seconds = {"float32": 1e-4, "float32, direct": 5e-5}
    trial, asked = answering(seconds)
    chosen = measured(trial, total_steps=1000, plain=plain(1), images=False, direct=True)
    assert (chosen.name, asked) == ("float32, direct", list(seconds))
    assert chosen.seconds_per_step == seconds
    for slower_or_other in (
        answering({**seconds, "float32, direct": 1e-4})[0],
        answering(seconds, {"float32, direct": [1.0, 0.9001]})[0],
    ):
        chosen = measured(
            slower_or_other, total_steps=1000, plain=plain(1), images=False, direct=True
        )
        assert chosen.name == "float32"


def test_a_timing_that_was_disturbed_is_made_good_by_another():
    asked = []

    def trial(numerics):
        asked.append(numerics.name)
        disturbed = asked.count(numerics.name) == 1 and numerics.channels_last
        return Trial([1.0, 0.9], SECONDS[numerics.name] + disturbed)

    chosen = measured(trial, total_steps=3000, plain=plain(1), images=True)
    assert chosen.name == "bfloat16, channels last"
    assert chosen.seconds_per_step == SECONDS


def test_slow_steps_are_measured_for_a_tenth_of_the_run_at_most(monkeypatch):
    now, asked = [0.0], []
    monkeypatch.setattr(numerics_module.time, "perf_counter", lambda: now[0])

    def trial(numerics):
        asked.append(numerics.name)
        now[0] += 2 * SECONDS[numerics.name]  # a step to warm up, and one that counts
        return Trial([1.0, 0.9], SECONDS[numerics.name])

    chosen = measured(trial, total_steps=100, plain=plain(1), images=True)
    assert chosen.name == "bfloat16, channels last"
    assert len(asked) > len(SECONDS)
    assert now[0] <= 0.1 * 100 * SECONDS["float32"]


@pytest.mark.parametrize(
    ("bfloat16", "first"), [(True, "bfloat16, channels last"), (False, "float32, channels last")]
)
def test_what_the_processor_is_made_for_is_tried_first(bfloat16, first):
    trial, asked = answering(SECONDS)
    measured(trial, total_steps=3000, plain=plain(1), images=True, bfloat16=bfloat16)
    assert asked[:2] == ["float32", first]


def test_steps_that_only_one_of_two_has_made_are_not_compared():
    trial, _ = answering(SECONDS, {"bfloat16, channels last": [1.0]})
    assert measured(trial, total_steps=3000, plain=plain(1), images=True).name.startswith(
        "bfloat16, c"
    )


class Compiler:
    """A stand-in for steps of which compiled ones take `seconds` after `cost_s` of compiling."""

    def __init__(self, monkeypatch, seconds, *, cost_s=30.0, losses=(1.0, 0.9)):
        self.now = 0.0
        self.seconds, self.cost_s, self.losses = seconds, cost_s, list(losses)
        monkeypatch.setattr(numerics_module.time, "perf_counter", lambda: self.now)

    def __call__(self, numerics):
        if not numerics.compiled:
            return Trial([1.0, 0.9], SECONDS[numerics.name])
        self.now += self.cost_s
        return Trial(self.losses, self.seconds)


HOUR = 7200  # steps of half a second


def test_compiling_counts_where_it_pays_within_the_run(monkeypatch):
    chosen = measured(Compiler(monkeypatch, 0.4), total_steps=HOUR, plain=plain(1), images=True)
    assert chosen.name == "bfloat16, channels last, compiled"
    slow = Compiler(monkeypatch, 0.4, cost_s=721.0)  # a tenth of a second is saved in each step
    assert measured(slow, total_steps=HOUR, plain=plain(1), images=True).compiled is False
    other = Compiler(monkeypatch, 0.4, losses=(1.0, 2.0))
    assert measured(other, total_steps=HOUR, plain=plain(1), images=True).compiled is False


def test_a_run_of_less_than_an_hour_is_not_compiled(monkeypatch):
    chosen = measured(Compiler(monkeypatch, 0.1), total_steps=HOUR - 1, plain=plain(1), images=True)
    assert "bfloat16, channels last, compiled" not in chosen.seconds_per_step


def test_the_recipe_can_ask_for_compiled_steps(monkeypatch):
    chosen = compiled(Compiler(monkeypatch, 2.0), threads=1)
    assert (chosen.name, chosen.reason) == ("float32, compiled", "The recipe asks for compiled.")


def test_a_compiler_that_fails_is_told_and_done_without():
    def trial(numerics):
        if numerics.compiled:
            message = "No working C++ compiler\nmore about it"
            raise RuntimeError(message)
        return Trial([1.0], 0.5)

    for chosen in (
        compiled(trial, threads=1),
        measured(trial, total_steps=HOUR, plain=plain(1), images=False),
    ):
        assert chosen.name == "float32"
        assert chosen.reason.endswith("Compiling failed: No working C++ compiler")


def test_the_choice_is_kept_in_the_folder(tmp_path):
    assert read_numerics(tmp_path) is None
    chosen = fixed("bfloat16", threads=3)
    write_numerics(tmp_path, chosen)
    assert read_numerics(tmp_path) == chosen
    (tmp_path / "numerics.json").write_text('{"colour": 1}')
    with pytest.raises(CorruptFileError, match=r"numerics\.json"):
        read_numerics(tmp_path)


@pytest.mark.parametrize("autocast", [False, True])
def test_the_precision_of_matrix_products(autocast):
    numerics = Numerics(autocast=autocast, channels_last=False, threads=1, reason="")
    with numerics.precision(torch.device("cpu")):
        product = torch.ones(2, 2) @ torch.ones(2, 2)
    assert product.dtype == (torch.bfloat16 if autocast else torch.float32)


def test_a_run_can_be_trained_in_bfloat16(digits, tmp_path):
    setup = digits()
    outcome = setup.fit(tmp_path, numerics="bfloat16", epochs=8, lr=0.02)
    assert outcome.numerics["name"] == "bfloat16"
    assert outcome.history[-1].val_metric > 0.75
    assert all(p.dtype == torch.float32 for p in setup.network.parameters())


def test_measuring_does_not_disturb_the_run(digits, tmp_path):
    plain, auto = digits(), digits()
    first = plain.fit(tmp_path / "plain", numerics="float32", epochs=30)
    second = auto.fit(tmp_path / "auto", numerics="auto", epochs=30)
    assert second.numerics["seconds_per_step"].keys() == {"float32", "float32, direct"}
    assert not second.numerics["autocast"]
    assert first.history == second.history
