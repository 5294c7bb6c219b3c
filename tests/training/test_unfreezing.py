"""Layer-wise rates and gradual unfreezing, on real training."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from phoropter.core.recipe import Recipe, TrainRecipe
from phoropter.core.records import TargetSchema
from phoropter.models.build import build
from phoropter.models.layer_groups import layer_groups
from phoropter.tasks.supervised import Losses, Supervised
from phoropter.training.optimizers import make_optimizers, set_lr
from phoropter.training.plan import make_plan
from phoropter.training.records import Watch
from phoropter.training.signals import read_signals
from phoropter.training.unfreezing import Unfreezing, keeps_statistics

LOSSES = Losses(training=nn.functional.mse_loss, plain=nn.functional.mse_loss)
OPTIMIZERS = TrainRecipe.model_fields["optimizer"].annotation.__args__
# 250 samples in batches of 32 are 8 steps an epoch; the network has two layer groups.
HALF = {"epochs": 4, "unfreeze": 0.5, "weight_decay": 0.1}


def state(network):
    return {name: value.clone() for name, value in network.state_dict().items()}


def moved(before, after):
    return {name for name, value in after.items() if not torch.equal(value, before[name])}


class Headed(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk = nn.Sequential(
            nn.Linear(4, 5), nn.BatchNorm1d(5), nn.ReLU(), nn.Linear(5, 6), nn.ReLU()
        )
        self.head = nn.Linear(6, 2)


def test_the_rate_of_every_parameter_is_as_computed_by_hand():
    network = Headed()
    recipe = TrainRecipe(layer_decay=0.5, lr=0.1, weight_decay=0.01)
    objective = Supervised(network, LOSSES, head_lr_factor=10.0)
    optimizer = make_optimizers(objective, recipe, network=network)["main"]
    set_lr({"main": optimizer}, 0.1)
    named = {id(p): name for name, p in network.named_parameters()}
    found = {
        named[id(p)]: (group["lr"], group["weight_decay"])
        for group in optimizer.param_groups
        for p in group["params"]
    }
    assert found == {
        "trunk.0.weight": (pytest.approx(0.1 * 0.25), 0.01),
        "trunk.0.bias": (pytest.approx(0.1 * 0.25), 0.0),
        "trunk.1.weight": (pytest.approx(0.1 * 0.25), 0.0),
        "trunk.1.bias": (pytest.approx(0.1 * 0.25), 0.0),
        "trunk.3.weight": (pytest.approx(0.1 * 0.5), 0.01),
        "trunk.3.bias": (pytest.approx(0.1 * 0.5), 0.0),
        "head.weight": (pytest.approx(0.1 * 10), 0.01),
        "head.bias": (pytest.approx(0.1 * 10), 0.0),
    }


def test_a_layer_at_half_the_rate_makes_half_the_step():
    """One step of plain descent: what moved is the gradient times the layer's own rate."""
    torch.default_generator.manual_seed(0)
    network = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3), nn.Linear(3, 1))
    recipe = TrainRecipe(optimizer="sgd", lr=0.2, layer_decay=0.5, weight_decay=0.0)
    optimizer = make_optimizers(Supervised(network, LOSSES), recipe, network=network)["main"]
    before = [layer.weight.detach().clone() for layer in network]
    network(torch.randn(8, 3)).square().mean().backward()
    optimizer.step()
    for layer, old, rate in zip(network, before, (0.05, 0.1, 0.2), strict=True):
        torch.testing.assert_close(old - layer.weight, rate * layer.weight.grad)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_nothing_of_a_frozen_layer_moves_until_it_is_released(optimizer, digits, tmp_path):
    setup = digits()
    seen = []

    def listener(event):
        if type(event).__name__ == "PassMeasured":
            seen.append(state(setup.network))

    setup.fit(tmp_path, watch=Watch(listener=listener), optimizer=optimizer, **HALF)
    frozen = {name for name in seen[0] if name.startswith(("0.", "1."))}
    assert {"1.running_mean", "1.running_var", "1.num_batches_tracked", "0.weight"} <= frozen
    assert moved(seen[0], seen[2]) == {"4.weight", "4.bias"}
    assert frozen <= moved(seen[2], seen[4]) | {"0.bias"}  # normalised away: it has no gradient
    assert all(p.requires_grad for p in setup.network.parameters())


def test_layers_are_released_one_after_the_other_from_the_head():
    network = Headed()
    thawing = Unfreezing(layer_groups(network), steps=10, kept=False)
    told, trained = [], []
    for step in range(12):
        network.train()
        told.append(thawing.apply(step))
        trained.append(tuple(p.requires_grad for p in network.parameters()))
        assert network.trunk[1].training is trained[-1][0]
    low, high, head = (False,) * 4, (False,) * 2, (True,) * 2
    assert trained == [low + high + head] * 5 + [low + (True,) * 2 + head] * 5 + [(True,) * 8] * 2
    assert [at for at, changed in enumerate(told) if changed] == [0, 5, 10]


def test_backward_does_not_enter_the_frozen_part():
    """No node of the graph belongs to a frozen layer, and none of them keeps its input."""
    network = Headed()
    Unfreezing(layer_groups(network), steps=10, kept=False).apply(0)
    features = network.trunk(torch.randn(3, 4))
    assert features.grad_fn is None
    loss = network.head(features).sum()
    loss.backward()
    assert all(p.grad is None for p in network.trunk.parameters())
    assert network.head.weight.grad is not None


def test_a_step_of_the_head_alone_computes_next_to_nothing_backwards():
    """By torch's own count of multiplications: forward, and forward with backward."""
    recipe = Recipe().changed({"model.name": "cnn", "model.pretrained": False, "data.size": 16})
    network = build(recipe, TargetSchema("classes", ("a", "b"), counts=(1, 1)))
    thawing = Unfreezing(layer_groups(network), steps=6, kept=False)

    def counted(step, *, backward):
        thawing.apply(step)
        with FlopCounterMode(display=False) as counter:
            loss = network(torch.ones(2, 3, 16, 16)).sum()
            if backward:
                loss.backward()
        return counter.get_total_flops()

    forward = counted(0, backward=False)
    assert counted(0, backward=True) < 1.01 * forward
    assert 1.01 * forward < counted(1, backward=True) < 2 * forward
    assert counted(6, backward=True) > 2.5 * forward


def test_the_optimizer_has_no_state_of_a_frozen_layer(digits):
    network = digits().network
    layers = layer_groups(network)
    optimizer = make_optimizers(Supervised(network, LOSSES), TrainRecipe())["main"]
    thawing = Unfreezing(layers, steps=2, kept=False)
    for step in range(3):
        thawing.apply(step)
        optimizer.zero_grad()
        network(torch.randn(4, 64)).square().mean().backward()
        optimizer.step()
    steps = {len(layers[0].parameters): 1, len(layers[1].parameters): 3}
    for layer in layers:
        made = {int(optimizer.state[p]["step"]) for p in layer.parameters}
        assert made == {steps[len(layer.parameters)]}


def test_signals_are_silent_about_frozen_blocks(digits, tmp_path):
    digits().fit(tmp_path, **HALF)
    rows = read_signals(tmp_path)
    assert [row.blocks for row in rows] == [("4",), ("4",), ("0", "1", "4"), ("0", "1", "4")]
    assert all(norm > 0 for row in rows for norm in row.grad_norms)
    assert all(ratio > 0 for row in rows for ratio in row.update_ratios)
    assert all(-1 <= row.gradient_cosine <= 1 for row in rows)


def test_patience_does_not_end_a_run_while_layers_wait(digits, tmp_path):
    change = {**HALF, "patience": 1, "min_delta": 100.0, "epochs": 8}
    outcome = digits().fit(tmp_path, **change)
    assert (outcome.stopped_by, outcome.epochs) == ("patience", 5)  # released after the fourth


class Ticking:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        self.now += 0.1
        return self.now


@pytest.mark.parametrize("optimizer", ["adamw", "momentum"])
@pytest.mark.parametrize("deadline", [1.5, 3.0, 5.0])
def test_a_cut_run_ends_with_the_same_bits(optimizer, deadline, digits, tmp_path):
    change = {
        "optimizer": optimizer,
        "epochs": 5,
        "unfreeze": 0.55,  # in the middle of a pass
        "layer_decay": 0.7,
        "clip": 1.0,
        "ema": 0.9,
    }
    whole, cut = digits(train=120), digits(train=120)
    whole.fit(tmp_path / "whole", **change)
    cut.fit(tmp_path / "cut", watch=Watch(clock=Ticking(), deadline=deadline), **change)
    again = digits(train=120)
    assert again.fit(tmp_path / "cut", **change).stopped_by == "finished"
    assert not moved(state(whole.network), state(again.network))
    for name in ("history.jsonl", "signals.json"):
        files = [(tmp_path / run / name).read_bytes() for run in ("whole", "cut")]
        assert files[0] == files[1]


def test_kept_statistics_stay_and_the_weights_learn(digits, tmp_path):
    setup = digits()
    before = state(setup.network)
    outcome = setup.fit(tmp_path, norm_statistics="kept")
    changed = moved(before, state(setup.network))
    assert {name for name in before if name.startswith("1.")} - changed == {
        "1.running_mean",
        "1.running_var",
        "1.num_batches_tracked",
    }
    assert {"0.weight", "1.weight", "4.weight"} <= changed
    assert outcome.history[-1].train_loss < outcome.history[0].train_loss


TUNED = {"model.transfer": "finetune"}


@pytest.mark.parametrize(
    ("change", "size", "kept"),
    [
        (TUNED, 8, True),
        (TUNED, 16, False),
        ({**TUNED, "train.norm_statistics": "batch"}, 8, False),
        ({**TUNED, "train.norm_statistics": "kept"}, 64, True),
        ({**TUNED, "model.pretrained": False}, 8, False),
        ({**TUNED, "model.name": "cnn"}, 8, False),  # it has no weights to keep the statistics of
        ({}, 8, False),
    ],
)
def test_statistics_are_kept_where_batches_are_small(change, size, kept):
    recipe = Recipe().changed({**change, "train.batch_size": size})
    plan = make_plan(recipe.train, samples=1000)
    assert keeps_statistics(recipe, batch_size=plan.batch_size) is kept


def test_a_run_is_the_same_without_and_with_rates_that_are_all_alike(digits, tmp_path):
    """Layers that are told apart must not disturb what does not ask for it."""
    runs = [digits() for _ in range(2)]
    for at, setup in enumerate(runs):
        setup.fit(tmp_path / str(at), optimizer="sgd", layer_decay=(1.0, 1 - 1e-12)[at])
    for one, other in zip(*(setup.network.state_dict().values() for setup in runs), strict=True):
        np.testing.assert_allclose(one.numpy(), other.numpy(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("unfreeze", [0.0, 0.5])
def test_lower_layers_may_be_left_as_they_are_for_good(unfreeze, digits, tmp_path):
    setup = digits()
    before = state(setup.network)
    setup.fit(tmp_path, epochs=4, frozen=0.5, unfreeze=unfreeze, weight_decay=0.1)
    assert moved(before, state(setup.network)) == {"4.weight", "4.bias"}
    assert all(p.requires_grad for p in setup.network.parameters())


def test_one_layer_is_always_trained_and_the_others_follow_it():
    network = Headed()
    layers = layer_groups(network)
    thawing = Unfreezing(layers, steps=4, kept=False, never=1)
    assert [thawing.trained(step) for step in range(6)] == [1, 1, 1, 1, 2, 2]
    assert Unfreezing(layers, steps=0, kept=False, never=9).trained(0) == 1
    network.train()
    assert thawing.apply(5)
    assert not network.trunk[1].training
    network.train()
    assert not thawing.apply(6)
    assert not network.trunk[1].training  # an evaluation put it into train mode meanwhile
