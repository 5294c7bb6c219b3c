"""Labels that have nothing to do with the samples, told from what merely overfits, by losses."""

import pytest
import torch
from torch import nn
from torch.nn import functional

import phoropter


def wide():
    return nn.Sequential(nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 10))


def shuffled(loop):
    """All labels change places, those of validation too."""
    generator = torch.Generator().manual_seed(1)
    loop.y = loop.y[torch.randperm(len(loop.y), generator=generator)]
    return loop


def told_losses(loop, *, metric=False):
    """A loop that hands over its validation loss, and its accuracy perhaps, but no answers."""

    @torch.no_grad()
    def validate(watch):
        loop.network.eval()
        outputs, truth = loop.network(loop.x[-500:]), loop.y[-500:]
        told = {"val_metric": (outputs.argmax(1) == truth).float().mean()} if metric else {}
        watch.epoch(val_loss=functional.cross_entropy(outputs, truth), **told)

    loop.validate = validate
    return loop


def blurred(loop):
    """Noise over the samples, so that few of them teach little."""
    generator = torch.Generator().manual_seed(1)
    loop.x = loop.x + 0.7 * torch.randn(loop.x.shape, generator=generator)
    return loop


def codes(loop, folder):
    loop.run(folder).close()
    return [f.code for f in phoropter.diagnose(folder).findings if f.severity != "info"]


def as_told(loop, told):
    return loop if told == "answers" else told_losses(loop, metric=told == "accuracy")


TOLD = ["losses", "accuracy", "answers"]


@pytest.mark.parametrize("told", TOLD)
def test_shuffled_labels_are_told(make_loop, tmp_path, told):
    loop = shuffled(make_loop(make=wide, samples=320, passes=20, batch=16))
    assert codes(as_told(loop, told), tmp_path)[0] == "input-ignored"
    result = phoropter.diagnose(tmp_path)
    assert "input-ignored" not in result.unjudged
    assert not [f for f in result.findings if "at least 0.0%" in f.message]


@pytest.mark.parametrize("told", TOLD)
def test_overfitting_is_told_as_before(make_loop, tmp_path, told):
    loop = blurred(make_loop(make=wide, samples=120, passes=40, batch=16))
    found = codes(as_told(loop, told), tmp_path)
    assert "overfit" in found
    assert "input-ignored" not in found


def test_a_healthy_loop_is_not_suspected(make_loop, tmp_path):
    assert codes(told_losses(make_loop(passes=12, samples=1200)), tmp_path) == []


def test_without_classes_nobody_knows_what_guessing_costs(make_loop, tmp_path):
    loop = shuffled(make_loop(make=wide, samples=320, passes=20, batch=16, told={"classes": None}))
    assert "input-ignored" not in codes(told_losses(loop), tmp_path)


@pytest.mark.parametrize("noise", [0.1, 3.0])  # whatever the last pass is worth
def test_values_that_were_learnt_in_the_first_pass_are_no_shuffled_ones(tmp_path, noise):
    """Validation is best after pass 1, and nobody asked it before the first step."""
    truth = torch.linspace(-1, 1, 200)[:, None]
    said = truth + noise * torch.randn(truth.shape, generator=torch.Generator().manual_seed(0))
    network = nn.Linear(1, 1)
    optimizer = torch.optim.SGD(network.parameters(), lr=1e-3)
    watch = phoropter.watch(network, optimizer, folder=tmp_path)
    for at, held in enumerate([0.1, 0.101, 0.102, 0.104, 0.105]):
        for _ in range(4):
            network(truth).mean().backward()
            optimizer.step()
            optimizer.zero_grad()
            watch.step(1.0 if at == 0 else 0.2 / at)
        watch.epoch(val_loss=held, predictions=said, targets=truth)
    watch.close()
    assert "input-ignored" not in {f.code for f in phoropter.diagnose(tmp_path).findings}
