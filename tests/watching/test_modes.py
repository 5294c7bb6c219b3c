"""Modes of passes of real loops: dropout that sleeps, is not told, or is on by intent."""

import pytest
import torch
from torch import nn
from torch.nn import functional

import phoropter
from phoropter.watching.folder import read_watched
from phoropter.watching.repeats import Repeats


def gates(folder):
    return {gate.name: gate for gate in read_watched(folder).gates}


def failed(folder):
    return {name for name, gate in gates(folder).items() if not gate.passed}


class Asleep(nn.Module):
    """A network whose trunk stays in eval mode, in training too."""

    def __init__(self, trunk, width):
        super().__init__()
        self.trunk, self.head = trunk, nn.Linear(width, 10)

    def train(self, mode=True):
        super().train(mode)
        self.trunk.eval()
        return self

    def forward(self, x):
        return self.head(self.trunk(x))


def test_dropout_asleep_in_a_part_is_seen(make_loop, tmp_path):
    """The network is in train mode, but a part that learns came in eval mode from elsewhere."""

    def assembled():
        return Asleep(nn.Sequential(nn.Linear(64, 32), nn.Dropout(0.5), nn.ReLU()), 32)

    make_loop(make=assembled).run(tmp_path / "a").close()
    assert failed(tmp_path / "a") == {"mode-mixup"}

    def frozen():
        network = assembled()
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
    def assembled(*, frozen):
        network = Asleep(Dropping(told), 10)
        network.trunk.requires_grad_(not frozen)
        return network

    for frozen in (True, False):
        folder = tmp_path / str(frozen)
        make_loop(make=lambda frozen=frozen: assembled(frozen=frozen)).run(folder).close()
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


def batch_by_batch(loop, passes):
    """The validation part, each batch `passes` times over, averaged."""
    held = loop.x[-500:].split(250)
    return torch.cat([sum(loop.network(x) for _ in range(passes)) / passes for x in held])


def pass_by_pass(loop, passes):
    """The same, the whole part `passes` times over, and loaded anew each time."""
    held = torch.utils.data.DataLoader(loop.x[-500:], batch_size=250)
    return sum(torch.cat([loop.network(x) for x in held]) for _ in range(passes)) / passes


def drops_on(network):
    """As Monte Carlo dropout is switched on."""
    network.eval()
    for module in network.modules():
        if isinstance(module, nn.Dropout):
            module.train()


def part_on(network):
    network.eval()
    network[2:].train()
    network[3].train()


def perceptron():
    return nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Dropout(0.2), nn.Linear(32, 10))


def normalised():
    return nn.Sequential(nn.Linear(64, 32), nn.BatchNorm1d(32), nn.Dropout(0.2), nn.Linear(32, 10))


def functioning():
    return Dropping(untold)


@pytest.mark.parametrize(
    ("make", "prepare", "ask", "passes", "on", "meant"),
    [
        (perceptron, drops_on, batch_by_batch, 1, [], ["2"]),
        (perceptron, drops_on, batch_by_batch, 10, [], ["2"]),
        (normalised, drops_on, pass_by_pass, 10, [], ["2"]),
        (perceptron, nn.Module.train, batch_by_batch, 10, [], ["2"]),
        (perceptron, nn.Module.train, pass_by_pass, 10, [], ["2"]),
        (functioning, nn.Module.eval, batch_by_batch, 10, [], ["dropout()"]),
        (functioning, nn.Module.eval, pass_by_pass, 10, [], ["dropout()"]),
        (perceptron, nn.Module.train, batch_by_batch, 1, ["2"], []),
        (perceptron, nn.Module.train, pass_by_pass, 3, ["2"], []),
        (perceptron, part_on, batch_by_batch, 1, ["2"], []),
        (functioning, nn.Module.eval, pass_by_pass, 3, ["dropout()"], []),
        (normalised, nn.Module.train, pass_by_pass, 10, ["1"], ["2"]),
    ],
    ids=[
        "layers picked out",
        "layers picked out, averaged",
        "layers picked out beside batch norm",
        "train mode, averaged by batches",
        "train mode, averaged by passes",
        "a function, averaged by batches",
        "a function, averaged by passes",
        "train mode",
        "train mode, asked three times",
        "a part in train mode",
        "a function, asked three times",
        "batch norm in train mode, averaged",
    ],
)
def test_dropout_that_is_on_by_intent_is_told_from_a_mistake(
    make_loop, tmp_path, make, prepare, ask, passes, on, meant
):
    loop = make_loop(make=make)

    def validate(watch):
        prepare(loop.network)
        with torch.no_grad():
            watch.epoch(predictions=ask(loop, passes), targets=loop.y[-500:])

    loop.validate = validate
    loop.run(tmp_path).close()
    gate = gates(tmp_path)["mode-mixup"]
    assert gate.evidence["on_in_evaluation"] == on
    assert gate.evidence["on_by_intent"] == meant
    assert gate.passed == (not on)


def test_dropout_layers_that_are_on_while_a_network_in_eval_mode_learns_are_not_by_intent(
    make_loop, tmp_path
):
    """Batch statistics are kept; what is on in the steps alone says nothing of evaluations."""

    class Kept(nn.Sequential):
        def train(self, mode=True):
            return drops_on(self) if mode else super().train(mode)

    make_loop(make=lambda: Kept(*perceptron())).run(tmp_path).close()
    gate = gates(tmp_path)["mode-mixup"]
    assert gate.passed
    assert gate.evidence["on_by_intent"] == []


def test_a_batch_is_known_again_by_what_is_in_it():
    repeats, batch = Repeats(), torch.zeros(4, 2)
    repeats.note([batch, "no tensor"])
    batch += 1  # a buffer that is filled anew
    repeats.note([batch])
    assert repeats.times == 1
    for again in (torch.zeros(4, 2), torch.zeros(4, 2, dtype=torch.float64), torch.zeros(2, 2)):
        repeats.note([again])
    repeats.note([torch.zeros(4, 2), torch.ones(4)])
    repeats.note([])
    assert repeats.times == 3
    repeats.clear()
    assert repeats.times == 0
