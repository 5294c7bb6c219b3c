"""A run whose images are decoded while it trains ends as one whose images are stored."""

import json
import os
import signal
from dataclasses import replace

import pytest
import torch

from phoropter.core.errors import InputError, InterruptedRunError
from phoropter.core.events import PassMeasured
from phoropter.training.execute import learner_of
from phoropter.training.history import TIMING
from phoropter.training.loop import fit
from phoropter.training.records import Watch
from phoropter.training.sources import open_images


class Clock:
    """Stands still but for what the test says."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def trained(problem, tiny, tmp_path, monkeypatch, roomy_disk):
    """Trains in a folder of this name, once or again, stored or streamed."""

    def train(name, *, streamed, watch=None, changed=None, hook=None, **change):
        recipe = tiny(data__augment__preset="medium", **change)
        own = replace(problem, cache=tmp_path / f"{name}.cache")
        monkeypatch.setenv("PHOROPTER_STORE_GIB", "0" if streamed else "")
        source = open_images(recipe, own, listener=lambda _: None)
        with torch.random.fork_rng():
            torch.default_generator.manual_seed(0)
            learner, objective, data = learner_of(recipe, own, source)
        if hook:
            learner.register_forward_pre_hook(hook)
        data = replace(data, inputs=changed(data.inputs)) if changed else data
        outcome = fit(
            objective, learner, data, recipe, folder=tmp_path / name, watch=watch or Watch()
        )
        return outcome, learner.state_dict()

    return train


def equal(one, other):
    return all(torch.equal(value, other[name]) for name, value in one.items())


def test_streamed_and_stored_runs_end_with_the_same_bits(trained, tmp_path):
    _, stored = trained("stored", streamed=False)
    _, streamed = trained("streamed", streamed=True)
    assert list((tmp_path / "stored.cache").glob("*.npy"))
    assert not list(tmp_path.glob("streamed.cache/*.npy"))
    assert equal(stored, streamed)
    histories = [
        (tmp_path / name / "history.jsonl").read_bytes() for name in ("stored", "streamed")
    ]
    assert histories[0] == histories[1]


def test_a_streamed_run_stopped_within_a_pass_goes_on_to_the_same_bits(trained, tmp_path):
    _, whole = trained("whole", streamed=False)
    asked = []

    def inputs_that_interrupt(inputs):
        real = inputs.batches

        def batches(order, *, ahead):
            for number, batch in enumerate(real(order, ahead=ahead)):
                if number == 2 and not asked and training():
                    asked.append(number)
                    os.kill(os.getpid(), signal.SIGINT)
                yield batch

        inputs.batches = batches
        return inputs

    def training():
        return (tmp_path / "cut" / "history.jsonl").stat().st_size > 0

    with pytest.raises(InterruptedRunError, match="pass 1 of 3, after 3 steps"):
        trained("cut", streamed=True, changed=inputs_that_interrupt)
    outcome, cut = trained("cut", streamed=True)
    assert outcome.stopped_by == "finished"
    assert equal(whole, cut)


def test_a_file_that_went_while_it_trained_is_named(trained, problem):
    lost = problem.dataset.root / problem.dataset.table["path"][int(problem.rows("train")[0])]
    content = lost.read_bytes()

    def remove(event):
        if isinstance(event, PassMeasured):
            lost.unlink(missing_ok=True)

    try:
        with pytest.raises(InputError, match=f"{lost.name}' was readable"):
            trained("lost", streamed=True, watch=Watch(listener=remove))
    finally:
        lost.write_bytes(content)


def test_the_time_in_which_the_network_waits_is_recorded(trained, tmp_path):
    clock = Clock()

    def slow(inputs):
        real = inputs.batch

        def batch(rows):
            clock.now += 3.0
            return real(rows)

        inputs.batch = batch
        return inputs

    def learn(module, _inputs):
        clock.now += 1.0 * module.training

    outcome, _ = trained("slow", streamed=False, changed=slow, hook=learn, watch=Watch(clock=clock))
    assert outcome.waiting == pytest.approx(3 / 4)
    *_, last = (tmp_path / "slow" / TIMING).read_text(encoding="utf-8").splitlines()
    assert json.loads(last)["waited_s"] == pytest.approx(3.0 * outcome.steps)
    assert outcome.waited_s == pytest.approx(3.0 * outcome.steps)
