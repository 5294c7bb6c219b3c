"""Training steps through torch's compiler, which takes half a minute of a core."""

import numpy as np
import pytest
import torch
from torch import nn

from phoropter.data.memory import MemoryInputs
from phoropter.training.records import Watch
from phoropter.training.rehearsal import own_randomness

pytestmark = [pytest.mark.nightly, pytest.mark.timeout(600)]


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path / "compiled"))
    yield
    torch.compiler.reset()


@pytest.fixture
def images(digits):
    """Digits as images, and a convolutional network with statistics and dropout."""

    def make():
        setup = digits()
        pixels = setup.data.inputs.batch(np.arange(400)).numpy().reshape(-1, 1, 8, 8)
        with own_randomness(3, "network"):
            network = nn.Sequential(
                nn.Conv2d(1, 8, 3, padding=1, bias=False),
                nn.BatchNorm2d(8),
                nn.ReLU(),
                nn.Dropout(0.1),
                nn.Flatten(),
                nn.Linear(512, 10),
            )
        return type(setup)(network, setup.having(inputs=MemoryInputs(pixels)).data, setup.schema)

    return make


def test_compiled_steps_give_the_losses_of_plain_ones(images, tmp_path):
    plain, fast = images(), images()
    plain.network[3].p = fast.network[3].p = 0.0  # the compiler draws otherwise
    # Adam would blow the rounding of gradients near zero up to whole steps.
    change = {"epochs": 3, "optimizer": "momentum", "lr": 0.02}
    first = plain.fit(tmp_path / "plain", **change)
    second = fast.fit(tmp_path / "fast", numerics="compiled", **change)
    assert (first.numerics["compiled"], second.numerics["compiled"]) == (False, True)
    assert "float32, compiled" in second.numerics["seconds_per_step"]
    for row, other in zip(first.history, second.history, strict=True):
        assert other.train_loss == pytest.approx(row.train_loss, rel=1e-3)
        assert other.val_loss == pytest.approx(row.val_loss, rel=1e-3)


class Ticking:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        self.now += 0.1
        return self.now


def test_a_resumed_run_is_compiled_again_and_ends_with_the_same_bits(images, tmp_path):
    change = {"epochs": 4, "numerics": "compiled"}
    whole, cut = images(), images()
    whole.fit(tmp_path / "whole", **change)
    stopped = cut.fit(tmp_path / "cut", watch=Watch(clock=Ticking(), deadline=5.0), **change)
    assert stopped.stopped_by == "budget"
    cut = images()
    cut.fit(tmp_path / "cut", **change)
    ours, theirs = cut.network.state_dict(), whole.network.state_dict()
    assert all(torch.equal(value, theirs[name]) for name, value in ours.items())
    files = [(tmp_path / name / "history.jsonl").read_bytes() for name in ("whole", "cut")]
    assert files[0] == files[1]
