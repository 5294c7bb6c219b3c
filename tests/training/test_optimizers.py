"""Every optimiser against torch's plain implementation and against its paper, in numpy."""

import copy
import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from phoropter.core.recipe import TrainRecipe
from phoropter.tasks.supervised import Losses, Supervised
from phoropter.training.optimizers import make_optimizers, plain_step, set_lr

LOSSES = Losses(lambda outputs, targets: outputs.square().mean(), lambda outputs, targets: outputs)
LR, DECAY, MOMENTUM = 0.1, 0.3, 0.8

REFERENCES = {
    "sgd": (torch.optim.SGD, {}),
    "momentum": (torch.optim.SGD, {"momentum": MOMENTUM}),
    "nesterov": (torch.optim.SGD, {"momentum": MOMENTUM, "nesterov": True}),
    "adagrad": (torch.optim.Adagrad, {}),
    "rmsprop": (torch.optim.RMSprop, {}),
    "adam": (torch.optim.Adam, {}),
    "adamw": (torch.optim.AdamW, {}),
    "adamax": (torch.optim.Adamax, {}),
}


def recipe_of(name):
    return TrainRecipe(optimizer=name, lr=LR, momentum=MOMENTUM, weight_decay=DECAY)


def test_every_optimiser_is_compared():
    assert set(REFERENCES) == set(TrainRecipe.model_fields["optimizer"].annotation.__args__)


@pytest.mark.parametrize("name", sorted(REFERENCES))
def test_updates_equal_torchs_plain_implementation(name):
    ours = nn.Linear(4, 3)
    theirs = copy.deepcopy(ours)
    optimizer = make_optimizers(Supervised(ours, LOSSES), recipe_of(name))["main"]
    kind, options = REFERENCES[name]
    groups = [
        {"params": [theirs.weight], "weight_decay": DECAY},
        {"params": [theirs.bias], "weight_decay": 0.0},
    ]
    reference = kind(groups, lr=LR, foreach=False, **options)
    inputs = torch.randn(8, 4)
    for _ in range(5):
        for network, chosen in ((ours, optimizer), (theirs, reference)):
            chosen.zero_grad()
            network(inputs).square().mean().backward()
            chosen.step()
    torch.testing.assert_close(ours.weight, theirs.weight, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(ours.bias, theirs.bias, rtol=1e-6, atol=1e-6)


def sgd(w, g, t, s):
    return w - LR * g


def momentum(w, g, t, s):
    s["v"] = MOMENTUM * s.get("v", 0.0) + g
    return w - LR * s["v"]


def nesterov(w, g, t, s):
    s["v"] = MOMENTUM * s.get("v", 0.0) + g
    return w - LR * (g + MOMENTUM * s["v"])


def adagrad(w, g, t, s):
    s["n"] = s.get("n", 0.0) + g**2
    return w - LR * g / (np.sqrt(s["n"]) + 1e-10)


def rmsprop(w, g, t, s):
    s["n"] = 0.99 * s.get("n", 0.0) + 0.01 * g**2
    return w - LR * g / (np.sqrt(s["n"]) + 1e-8)


def adam(w, g, t, s):
    s["m"] = 0.9 * s.get("m", 0.0) + 0.1 * g
    s["n"] = 0.999 * s.get("n", 0.0) + 0.001 * g**2
    return w - LR * (s["m"] / (1 - 0.9**t)) / (np.sqrt(s["n"] / (1 - 0.999**t)) + 1e-8)


def adamax(w, g, t, s):
    s["m"] = 0.9 * s.get("m", 0.0) + 0.1 * g
    s["u"] = np.maximum(0.999 * s.get("u", 0.0), np.abs(g) + 1e-8)
    return w - LR / (1 - 0.9**t) * s["m"] / s["u"]


FORMULAS = {
    "sgd": sgd,
    "momentum": momentum,
    "nesterov": nesterov,
    "adagrad": adagrad,
    "rmsprop": rmsprop,
    "adam": adam,
    "adamw": adam,
    "adamax": adamax,
}


@pytest.mark.parametrize("name", sorted(FORMULAS))
@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_updates_equal_the_textbook(name, seed):
    """A quadratic bowl in double precision; the matrix is decayed, the vector is not."""
    draw = np.random.default_rng(seed)
    start, target = draw.normal(size=(2, 3, 4))
    rows = [{"w": start.copy(), "s": {}}, {"w": start[:, 0].copy(), "s": {}}]
    targets = [target, target[:, 0]]
    network = nn.Module()
    for at, row in enumerate(rows):
        network.register_parameter(f"p{at}", nn.Parameter(torch.from_numpy(row["w"].copy())))
    optimizer = make_optimizers(Supervised(network, LOSSES), recipe_of(name))["main"]
    for step in range(1, 8):
        optimizer.zero_grad()
        pairs = zip(network.parameters(), targets, strict=True)
        sum((p - torch.from_numpy(t)).square().sum() / 2 for p, t in pairs).backward()
        optimizer.step()
        for row, aim, decay in zip(rows, targets, (DECAY, 0.0), strict=True):
            gradient = row["w"] - aim
            if name == "adamw":
                row["w"] = row["w"] * (1 - LR * decay)
            else:
                gradient = gradient + decay * row["w"]
            row["w"] = FORMULAS[name](row["w"], gradient, step, row["s"])
    for parameter, row in zip(network.parameters(), rows, strict=True):
        np.testing.assert_allclose(parameter.detach().numpy(), row["w"], rtol=1e-6, atol=1e-6)


def test_the_rate_is_set_by_group():
    network = nn.Sequential()
    network.trunk, network.head = nn.Linear(2, 2), nn.Linear(2, 2)
    objective = Supervised(network, LOSSES, head_lr_factor=10)
    optimizers = make_optimizers(objective, TrainRecipe())
    set_lr(optimizers, 0.5)
    rates = [group["lr"] for group in optimizers["main"].param_groups]
    assert rates == [0.5, 0.5, 5.0, 5.0]


@pytest.mark.parametrize("name", ["momentum", "nesterov"])
def test_momentum_of_zero_is_plain_descent(name):
    recipe = TrainRecipe(optimizer=name, momentum=0)
    optimizer = make_optimizers(Supervised(nn.Linear(2, 2), LOSSES), recipe)["main"]
    assert optimizer.defaults["momentum"] == 0


@pytest.mark.parametrize("name", sorted(REFERENCES))
def test_the_plain_step_is_torchs_own_without_its_wrappers(name):
    weights = []
    for bare in (False, True):
        network = nn.Linear(4, 3)
        with torch.no_grad():
            network.weight.copy_(torch.arange(12.0).view(3, 4) / 12)
            network.bias.zero_()
        optimizer = make_optimizers(Supervised(network, LOSSES), recipe_of(name))["main"]
        step = plain_step(optimizer) if bare else optimizer.step
        for _ in range(3):
            optimizer.zero_grad()
            network(torch.ones(2, 4)).square().mean().backward()
            step()
        weights.append(network.weight)
    assert torch.equal(*weights)
    assert weights[1].requires_grad


def test_groups_that_are_treated_alike_are_updated_together():
    objective = Supervised(nn.Linear(2, 2), LOSSES)
    counts = [
        len(make_optimizers(objective, TrainRecipe(weight_decay=decay))["main"].param_groups)
        for decay in (0.0, 0.1)
    ]
    assert counts == [1, 2]


WITHOUT_COMPILER = """
import sys
from torch import nn
from phoropter.core.recipe import TrainRecipe
from phoropter.tasks.supervised import Losses, Supervised
from phoropter.training.optimizers import make_optimizers, plain_step
for name in TrainRecipe.model_fields["optimizer"].annotation.__args__:
    network = nn.Linear(2, 1)
    objective = Supervised(network, Losses(None, None))
    optimizer = make_optimizers(objective, TrainRecipe(optimizer=name))["main"]
    network(network.weight).sum().backward()
    plain_step(optimizer)()
    optimizer.load_state_dict(optimizer.state_dict())
    optimizer.zero_grad()
sys.exit("torch._dynamo" in sys.modules)
"""


def test_no_optimiser_loads_torchs_compiler():
    assert subprocess.run([sys.executable, "-c", WITHOUT_COMPILER], check=False).returncode == 0
