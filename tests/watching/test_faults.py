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


def test_dropout_asleep_in_a_part_is_seen(make_loop, tmp_path):
    """The network is in train mode, but a part that learns came in eval mode from elsewhere."""

    class Assembled(nn.Module):
        def __init__(self):
            super().__init__()
            self.trunk = nn.Sequential(nn.Linear(64, 32), nn.Dropout(0.5), nn.ReLU())
            self.head = nn.Linear(32, 10)

        def train(self, mode=True):
            super().train(mode)
            self.trunk.eval()
            return self

        def forward(self, x):
            return self.head(self.trunk(x))

    make_loop(make=Assembled).run(tmp_path / "a").close()
    assert failed(tmp_path / "a") == {"mode-mixup"}

    def frozen():
        network = Assembled()
        network.trunk.requires_grad_(False)
        return network

    make_loop(make=frozen).run(tmp_path / "b").close()
    assert failed(tmp_path / "b") == set()


class Dropping(nn.Module):
    """A network whose dropout is a function, called as `drop` says, after `inner` too."""

    def __init__(self, drop, inner=None):
        super().__init__()
        self.first, self.inner = nn.Linear(64, 32), nn.Identity() if inner is None else inner
        self.second, self.drop = nn.Linear(32, 10), drop

    def forward(self, x):
        return self.second(self.inner(self.drop(self, torch.relu(self.first(x)))))


def untold(_network, x):
    return functional.dropout(x, 0.3)


def told(network, x):
    return functional.dropout(x, 0.3, network.training)


def attending(network, x):
    """Over four parts of the units; as its documentation warns, it drops whenever told a share."""
    parts = x.reshape(len(x), 4, 8)
    share = 0.1 if network is None or network.training else 0.0
    return functional.scaled_dot_product_attention(parts, parts, parts, dropout_p=share).flatten(1)


@pytest.mark.parametrize(
    ("drop", "otherwise", "on", "off"),
    [
        (told, {}, [], []),
        (untold, {}, ["dropout()"], []),
        (lambda _network, x: torch.dropout(x, 0.3, True), {}, ["dropout()"], []),
        (lambda _network, x: functional.dropout(x, p=0.0), {}, [], []),
        (lambda _network, x: attending(None, x), {}, ["scaled_dot_product_attention()"], []),
        (attending, {}, [], []),
        (lambda network, x: untold(network, told(network, x)), {}, ["dropout_2()"], []),
        (told, {"eval_mode": False}, ["dropout()"], []),
        (told, {"train_mode": False}, [], ["dropout()"]),
        (untold, {"train_mode": False}, ["dropout()"], []),
        (told, {"inner": nn.Dropout(0.3)}, [], []),
    ],
    ids=[
        "told the mode",
        "not told",
        "told to be on",
        "of nothing",
        "attention not told",
        "attention told",
        "one of two told",
        "told, validated in train mode",
        "told, trained in eval mode",
        "not told, trained in eval mode",
        "a layer besides",
    ],
)
def test_dropout_as_a_function_is_heard(make_loop, tmp_path, drop, otherwise, on, off):
    inner = otherwise.pop("inner", None)
    make_loop(make=lambda: Dropping(drop, inner), **otherwise).run(tmp_path).close()
    gate = gates(tmp_path)["mode-mixup"]
    assert (gate.evidence["on_in_evaluation"], gate.evidence["off_in_training"]) == (on, off)
    assert gate.passed == (not on and not off)
    told_nothing = otherwise.get("eval_mode", True)
    assert gate.evidence["not_told_the_mode"] == (on if told_nothing else [])


def test_dropout_that_is_not_told_the_mode_is_named_by_its_layer(make_loop, tmp_path):
    def make():
        return nn.Sequential(nn.Linear(64, 64), Dropping(untold, nn.Dropout(0.1)))

    make_loop(make=make).run(tmp_path).close()
    [first, *_] = phoropter.diagnose(tmp_path).findings
    assert first.code == "mode-mixup"
    assert "not told the mode (1.dropout())" in first.message
    assert "training=self.training" in first.prescriptions[0].advice


def test_dropout_as_a_function_in_a_frozen_part_may_sleep(make_loop, tmp_path):
    class Assembled(nn.Module):
        def __init__(self, *, frozen):
            super().__init__()
            self.trunk, self.head = Dropping(told), nn.Linear(10, 10)
            self.trunk.requires_grad_(not frozen)

        def train(self, mode=True):
            super().train(mode)
            self.trunk.eval()
            return self

        def forward(self, x):
            return self.head(self.trunk(x))

    for frozen in (True, False):
        folder = tmp_path / str(frozen)
        make_loop(make=lambda frozen=frozen: Assembled(frozen=frozen)).run(folder).close()
        off = gates(folder)["mode-mixup"].evidence["off_in_training"]
        assert off == ([] if frozen else ["trunk.dropout()"])


def test_what_torch_computes_another_way_in_eval_mode_is_left_to_it(make_loop, tmp_path):
    """Its fast way through a transformer's layer is closed where anybody listens to calls."""

    class Attending(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.1, batch_first=True)
            self.head, self.open = nn.Linear(64, 10), []

        def forward(self, x):
            if not self.training:
                self.open.append(not torch.overrides.has_torch_function((x,)))
            return self.head(self.layer(x.reshape(len(x), 8, 8)).flatten(1))

    loop = make_loop(make=Attending, passes=2)
    loop.run(tmp_path).close()
    assert loop.network.open == [True, True]
    assert failed(tmp_path) == set()


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
