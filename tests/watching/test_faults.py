"""What only somebody who is there while a loop runs can see, on real loops with one fault each."""

import pytest
import torch
from torch import nn
from torch.nn import functional

import phoropter
from phoropter.watching.folder import read_watched


def gates(folder):
    return {gate.name: gate for gate in read_watched(folder).gates}


def failed(folder):
    return {name for name, gate in gates(folder).items() if not gate.passed}


def another_network(network):
    """An optimiser that was made before the network was made anew."""
    return torch.optim.Adam(nn.Linear(64, 10).parameters(), lr=3e-3)


def frozen_trunk_features(network):
    """An optimiser of the head alone, while the trunk still asks for gradients."""
    return torch.optim.Adam(network[3].parameters(), lr=3e-3)


class Detached(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk, self.head = nn.Linear(64, 32), nn.Linear(32, 10)

    def forward(self, x):
        return self.head(self.trunk(x).relu().detach())


def normalised():
    return nn.Sequential(nn.Linear(64, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, 10))


@pytest.mark.parametrize(
    ("otherwise", "expected"),
    [
        ({}, set()),
        ({"accumulate": 4, "samples": 512}, set()),
        ({"make": normalised}, set()),
        ({"clear": False}, {"stale-gradient"}),
        ({"train_mode": False}, {"mode-mixup"}),
        ({"eval_mode": False}, {"mode-mixup"}),
        ({"make": normalised, "train_mode": False}, {"mode-mixup"}),
        ({"make": lambda: nn.Linear(64, 10), "train_mode": False, "eval_mode": False}, set()),
        ({"optimize": frozen_trunk_features}, {"no-gradient"}),
        ({"optimize": another_network}, {"no-gradient"}),
        ({"make": Detached}, {"no-gradient"}),
        ({"shuffle": False, "passes": 6}, {"unshuffled"}),
        ({"shuffle": False, "order": "sorted", "passes": 6}, {"unshuffled"}),
    ],
    ids=[
        "healthy",
        "accumulated",
        "batch norm",
        "never cleared",
        "eval mode in training",
        "train mode in validation",
        "batch norm in eval mode",
        "modes do not matter",
        "optimiser of the head alone",
        "optimiser of another network",
        "detached trunk",
        "always the same order",
        "sorted by class",
    ],
)
def test_the_fault_is_seen_and_no_other(make_loop, tmp_path, otherwise, expected):
    make_loop(**otherwise).run(tmp_path).close()
    assert failed(tmp_path) == expected


def test_layers_without_a_gradient_are_named(make_loop, tmp_path):
    make_loop(make=Detached).run(tmp_path / "a").close()
    found = gates(tmp_path / "a")["no-gradient"]
    assert found.evidence["parameters"] == ["trunk.weight", "trunk.bias"]
    make_loop(optimize=frozen_trunk_features).run(tmp_path / "b").close()
    found = gates(tmp_path / "b")["no-gradient"]
    assert found.evidence["not_in_optimizer"] == ["0.weight", "0.bias"]

    said = [phoropter.diagnose(tmp_path / name).findings[0] for name in "ab"]
    assert [finding.message for finding in said] == [
        "Training does not reach 2 parameters: no gradient comes to trunk.weight, trunk.bias.",
        "Training does not reach 2 parameters: the optimiser does not hold 0.weight, 0.bias.",
    ]
    assert "detach()" in said[0].prescriptions[0].advice
    assert "optimiser from all parameters" in said[1].prescriptions[0].advice


def step_first(loop, batch):
    """The step is made before its gradients are there."""
    loop.optimizer.zero_grad()
    loop.optimizer.step()
    functional.cross_entropy(loop.network(loop.x[batch]), loop.y[batch]).backward()


def cleared_between(loop, batch):
    functional.cross_entropy(loop.network(loop.x[batch]), loop.y[batch]).backward()
    loop.optimizer.zero_grad()
    loop.optimizer.step()


def cut_off(loop, batch):
    """The loss hangs on nothing that learns."""
    loop.optimizer.zero_grad()
    outputs = loop.network(loop.x[batch]).detach().requires_grad_()
    functional.cross_entropy(outputs, loop.y[batch]).backward()
    loop.optimizer.step()


@pytest.mark.parametrize(
    ("step", "message", "advised"),
    [
        (step_first, "Nothing can learn: the gradients are cleared before the step", "before both"),
        (cleared_between, "Nothing can learn: the gradients are cleared", "before both"),
        (cut_off, "no gradient comes to 0.weight, 0.bias, 3.weight, 3.bias.", "detach()"),
    ],
)
def test_a_step_without_any_gradient_is_named(make_loop, tmp_path, step, message, advised):
    loop = make_loop()

    def recorded(batch, _number, watch):
        step(loop, batch)
        with torch.no_grad():
            watch.step(functional.cross_entropy(loop.network(loop.x[batch]), loop.y[batch]))

    loop.step = recorded
    loop.run(tmp_path).close()
    first = phoropter.diagnose(tmp_path).findings[0]
    assert (first.code, first.severity) == ("no-gradient", "critical")
    assert message in first.message
    assert advised in first.prescriptions[0].advice


def test_steps_before_training_begins_are_no_fault(make_loop, tmp_path):
    """Some call `step` once, to begin a schedule."""
    loop = make_loop()
    watch = phoropter.watch(loop.network, loop.optimizer, folder=tmp_path, classes=10)
    for _ in range(2):
        loop.optimizer.step()
    for batch in torch.arange(320).split(32):
        loop.step(batch, 0, watch)
    watch.close()
    assert "no-gradient" not in failed(tmp_path)


def test_the_same_order_is_told_apart_from_a_sorted_one(make_loop, tmp_path):
    for order in ("mixed", "sorted"):
        loop = make_loop(order=order, shuffle=False, passes=8)
        loop.run(tmp_path / order).close()
        assert gates(tmp_path / order)["unshuffled"].evidence["sorted"] == (order == "sorted")


def test_a_loss_that_begins_far_above_guessing(make_loop, tmp_path):
    loop = make_loop(passes=1)
    watch = phoropter.watch(loop.network, loop.optimizer, folder=tmp_path, classes=10)
    for batch in torch.arange(320).split(32):
        loop.optimizer.zero_grad()
        loss = nn.functional.cross_entropy(
            loop.network(loop.x[batch]), loop.y[batch], reduction="sum"
        )
        loss.backward()
        loop.optimizer.step()
        watch.step(loss)
    watch.close()
    assert failed(tmp_path) == {"loss-at-init"}


def test_a_closure_makes_the_gradients_inside_the_step(make_loop, tmp_path):
    """As Lightning steps: forward, zero_grad and backward happen in the optimiser's step."""
    loop = make_loop()
    watch = phoropter.watch(loop.network, loop.optimizer, folder=tmp_path, classes=10)
    for _ in range(2):
        loop.network.train()
        for batch in torch.randperm(480).split(32):

            def closure(batch=batch):
                loss = nn.functional.cross_entropy(loop.network(loop.x[batch]), loop.y[batch])
                loop.optimizer.zero_grad()
                loss.backward()
                return loss

            watch.step(loop.optimizer.step(closure))
        watch.epoch()
    watch.close()
    assert failed(tmp_path) == set()
    assert gates(tmp_path)["stale-gradient"].evidence["steps"] > 10
    assert all(norm > 0 for norm in read_watched(tmp_path).signals[0].grad_norms)
