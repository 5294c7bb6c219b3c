import copy
import json
from contextlib import ExitStack

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch._C import _len_torch_function_stack
from torch.nn import functional

from phoropter.core.errors import CorruptFileError
from phoropter.training.activity import Activity, inactive_share
from phoropter.training.dynamics import FILE as DYNAMICS
from phoropter.training.dynamics import Dynamics, read_dynamics
from phoropter.training.signals import (
    FILE,
    MOST_BLOCKS,
    Signals,
    blocks,
    is_sampled,
    read_signals,
)


@pytest.fixture
def line():
    """Two layers and one step of SGD on a batch: network, batch, and a function that steps."""
    torch.default_generator.manual_seed(0)
    network = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)

    def step(inputs):
        optimizer.zero_grad()
        network(inputs).square().mean().backward()
        gradients = [p.grad.clone() for p in network.parameters()]
        optimizer.step()
        return gradients

    return network, step


def test_the_row_is_what_the_gradients_and_weights_say(line):
    network, step = line
    watched = Signals(network, list(network.parameters()), epochs=1, steps_per_epoch=2)
    before = [p.detach().clone() for p in network.parameters()]
    taken = []
    for position in range(2):
        watched.before_step(1, position)
        gradients = step(torch.randn(5, 3))
        watched.after_step(1, position, torch.stack([g.norm() for g in gradients]))
        taken.append(gradients)
    watched.end_pass(1, {"1": 0.25})

    [row] = watched.rows
    first, second = (torch.cat([g.flatten() for g in gradients]) for gradients in taken)
    cosine = torch.dot(first, second) / (first.norm() * second.norm())
    assert row.gradient_cosine == pytest.approx(float(cosine), rel=1e-5)
    assert row.blocks == ("0", "2")
    of_first = [torch.cat([g.flatten() for g in gradients[:2]]) for gradients in taken]
    mean_square = (of_first[0].square().sum() + of_first[1].square().sum()) / 2
    assert row.grad_norms[0] == pytest.approx(float(mean_square.sqrt()), rel=1e-5)
    length = torch.cat([g.flatten() for g in taken[0][2:]]).norm() * 0.1
    weights = torch.cat([p.flatten() for p in before[2:]]).norm()
    assert row.update_ratios[1] == pytest.approx(float(length / weights), rel=1e-4)
    assert row.inactive == {"1": 0.25}


@given(epochs=st.integers(1, 5000))
def test_few_passes_of_a_long_run_are_sampled(epochs):
    sampled = [epoch for epoch in range(1, epochs + 1) if is_sampled(epoch, epochs=epochs)]

    assert sampled[: min(epochs, 8)] == list(range(1, min(epochs, 8) + 1))
    assert len(sampled) <= 8 + 64


@given(count=st.integers(1, 200))
def test_blocks_are_few_and_in_order(count):
    names = [f"trunk.{number}.weight" for number in range(count)]
    made = blocks(names)

    assert list(made) == names
    distinct = list(dict.fromkeys(made.values()))
    assert len(distinct) <= MOST_BLOCKS
    assert distinct == [made[name] for name in names if made[name] == name.removesuffix(".weight")]


def test_dead_and_saturated_units_are_counted():
    relu = torch.tensor([[0.0, 0.0, 3.0], [0.0, 1.0, 0.0]])
    assert inactive_share(relu, None).item() == pytest.approx(1 / 3)
    maps = torch.zeros(2, 4, 5, 5)
    maps[1, 2, 0, 4] = 1.0
    assert inactive_share(maps, None).item() == pytest.approx(3 / 4)
    tokens = maps.flatten(2).transpose(1, 2)
    assert inactive_share(tokens, None).item() == pytest.approx(3 / 4)
    tanh = torch.tensor([[0.999, -0.999, 0.0], [-0.999, -0.999, 0.5]])
    assert inactive_share(tanh, (-1.0, 1.0)).item() == pytest.approx(2 / 3)


def test_activity_is_measured_inside_the_block_only():
    network = nn.Sequential(nn.Linear(2, 3), nn.ReLU())
    with torch.no_grad():
        network[0].weight.zero_()
        network[0].bias.copy_(torch.tensor([1.0, -1.0, -1.0]))
    activity = Activity(network)
    with activity.watched():
        network(torch.zeros(4, 2))
    network[0].bias.data.fill_(1.0)
    network(torch.zeros(4, 2))

    assert activity.inactive == {"1": pytest.approx(2 / 3)}


class Functional(nn.Module):
    """Activations as functions, as a layer of somebody else's, and in a layer that has parts."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(2, 3), nn.Sequential(nn.Linear(3, 3), QuickGELU())
        self.inner = Inner()

    def forward(self, x):
        hidden = torch.relu(self.first(x))
        return functional.relu(self.inner(self.second(hidden)), inplace=True)


class QuickGELU(nn.Module):
    def forward(self, x):
        return x * torch.sigmoid(1.702 * x)


class Inner(nn.Module):
    def forward(self, x):
        gate = torch.sigmoid(x)
        return (gate - 100 + x).tanh()


@pytest.mark.parametrize("inside", [True, False])
def test_functions_are_heard_where_they_are_called(inside):
    network = Functional()
    with torch.no_grad():
        network.first.weight.zero_()
        network.first.bias.copy_(torch.tensor([1.0, -1.0, -1.0]))
        network.second[0].weight.zero_()
        network.second[0].bias.copy_(torch.tensor([1.0, 1.0, -1.0]))
    activity = Activity(network)
    with ExitStack() as watching:
        if inside:  # as a hook of the network itself begins to listen
            handle = network.register_forward_pre_hook(
                lambda *_: watching.enter_context(activity.watched(inside=True))
            )
        else:
            watching.enter_context(activity.watched())
        outputs = network(torch.ones(4, 2))
        if inside:
            handle.remove()
        network(torch.full((4, 2), 9.0))
        copy.deepcopy(network)(torch.ones(4, 2))
    third = pytest.approx(1 / 3)
    assert activity.inactive == {
        "relu": pytest.approx(2 / 3), "second.1": third, "inner.tanh": 1.0, "relu_2": 1.0
    }  # fmt: skip
    assert _len_torch_function_stack() == 0
    assert torch.equal(outputs, network(torch.ones(4, 2)))


def test_dropout_as_a_function_is_heard_and_that_of_layers_is_not():
    class Dropping(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Dropout(0.5)

        def forward(self, x):
            x = functional.dropout(self.layer(x), 0.25, self.training)
            return torch.dropout(torch.feature_alpha_dropout(x, 0.5, False), 0.5, train=True)

    network = nn.Sequential(nn.ReLU(), Dropping())
    activity = Activity(network)
    for mode in (True, False):
        network.train(mode)
        with activity.watched(measured=mode):
            network(torch.ones(4, 2, 3, 3))
        assert {name: (d.layer, d.training, d.active) for name, d in activity.drops.items()} == {
            "1.dropout()": (network[1], mode, mode),
            "1.feature_alpha_dropout()": (network[1], mode, False),
            "1.dropout_2()": (network[1], mode, True),
        }
        assert activity.inactive == {"0": 0.0}  # of the measured block


def test_a_block_that_ends_as_a_pass_begins_leaves_nothing_behind():
    """Its hooks are taken away, but torch still calls the one that comes next."""
    network = nn.Sequential(nn.ReLU())
    with ExitStack() as watching:
        network.register_forward_pre_hook(lambda *_: watching.close())
        watching.enter_context(Activity(network).watched())
        network(torch.ones(1, 2))
    assert _len_torch_function_stack() == 0


def test_a_pass_that_fails_or_is_stopped_leaves_nothing_behind():
    class Failing(nn.Module):
        def forward(self, x):
            raise x

    network = nn.Sequential(nn.Sequential(Failing()))
    for error in (ValueError(), KeyboardInterrupt()):
        with pytest.raises(type(error)), Activity(network).watched():
            network(error)
        assert _len_torch_function_stack() == 0
        assert not network._forward_hooks


def test_a_run_leaves_signals_and_dynamics(digits, tmp_path):
    setup = digits()
    outcome = setup.fit(tmp_path, epochs=3)

    rows = read_signals(tmp_path)
    assert [row.epoch for row in rows] == [1, 2, 3]
    assert all(row.grad_norms[0] > 0 for row in rows)
    assert all(0 < ratio < 1 for row in rows for ratio in row.update_ratios if ratio is not None)
    assert all(-1 <= row.gradient_cosine <= 1 for row in rows)
    kept = np.load(tmp_path / DYNAMICS)
    assert kept["losses"].shape == (4, 150)
    assert kept["epochs"].tolist() == [0, 1, 2, 3]
    means = kept["losses"].astype(np.float64).mean(1)
    assert means == pytest.approx([row.train_loss for row in outcome.history], rel=1e-2)
    right = (kept["answers"][-1] == setup.data.targets[kept["rows"]].numpy()).mean()
    assert right == pytest.approx(outcome.history[-1].train_metric)


def test_damaged_signals_are_told(tmp_path):
    (tmp_path / FILE).write_text(json.dumps([{"epoch": 1}]))
    with pytest.raises(CorruptFileError, match="signals"):
        read_signals(tmp_path)
    assert read_signals(tmp_path / "elsewhere") == ()


def test_blocks_are_as_fine_as_their_number_allows():
    layers = [f"trunk.stages.{stage}.{part}.weight" for stage in range(4) for part in range(2)]
    assert len(set(blocks(layers).values())) == 8
    many = [f"trunk.stages.{stage}.{part}.weight" for stage in range(9) for part in range(4)]
    assert set(blocks(many).values()) == {f"trunk.stages.{stage}" for stage in range(9)}


def test_dynamics_are_read_back_and_damage_is_told(digits, tmp_path):
    digits().fit(tmp_path, epochs=2)
    found = read_dynamics(tmp_path)
    assert found is not None
    kept = np.load(tmp_path / DYNAMICS)
    assert found.epochs.tolist() == [0, 1, 2]
    assert np.array_equal(found.losses, kept["losses"].astype(np.float64))
    assert np.array_equal(found.answers, kept["answers"])
    assert read_dynamics(tmp_path / "elsewhere") is None
    (tmp_path / DYNAMICS).write_bytes(b"PK\x03\x04 no archive")
    with pytest.raises(CorruptFileError, match="dynamics"):
        read_dynamics(tmp_path)


def test_losses_beyond_half_floats_are_the_largest_of_them(tmp_path):
    dynamics = Dynamics()
    losses = np.array([1e6, 2.0, np.nan, np.inf], dtype=np.float32)
    dynamics.add(0, losses, np.zeros((4, 2), dtype=np.float32))
    dynamics.write(tmp_path, np.arange(4))
    with np.load(tmp_path / "dynamics.npz") as kept:
        np.testing.assert_array_equal(kept["losses"], [[65504, 2, np.nan, 65504]])
