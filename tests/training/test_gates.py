import itertools
import math
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from phoropter.core.errors import CorruptFileError
from phoropter.core.predictions import ValuePredictions
from phoropter.core.records import TargetSchema
from phoropter.core.run_records import Gate
from phoropter.data.memory import MemoryInputs
from phoropter.tasks.classification import Classification
from phoropter.tasks.regression import Regression
from phoropter.training import memorising
from phoropter.training.gates import input_ignored, read_gates, run_gates, write_gates
from phoropter.training.records import Watch


def gates_of(setup, *, watch=None, **change):
    recipe = setup.recipe(**change)
    gates = run_gates(
        setup.network,
        setup.data,
        recipe,
        task=setup.task,
        schema=setup.schema,
        watch=watch or Watch(),
    )
    return {gate.name: gate for gate in gates}


def test_a_sound_set_up_passes_and_is_left_alone(digits):
    setup = digits()
    before = {name: value.clone() for name, value in setup.network.state_dict().items()}
    randomness = torch.get_rng_state()
    gates = gates_of(setup, label_smoothing=0.2)
    assert list(gates) == [
        "loss-at-init",
        "cannot-overfit-batch",
        "no-gradient",
        "wrong-step",
        "mode-mixup",
        "batch-mixing",
    ]
    assert all(gate.passed for gate in gates.values()), gates
    assert gates["loss-at-init"].measured == pytest.approx(math.log(10), rel=0.1)
    assert gates["loss-at-init"].expected == pytest.approx(math.log(10), rel=0.01)
    after = setup.network.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert all(p.grad is None for p in setup.network.parameters())
    assert torch.equal(torch.get_rng_state(), randomness)


def test_a_head_at_the_base_rates_is_held_against_their_entropy(digits):
    setup = digits()
    labels = np.where(np.arange(400) % 10 == 0, 1, 0)
    setup = replace(setup, schema=TargetSchema("classes", ("a", "b"), counts=(225, 25)))
    setup.network[-1] = nn.Linear(32, 2)
    with torch.no_grad():
        setup.network[-1].weight.mul_(0.1)
        setup.network[-1].bias.copy_(torch.tensor([0.9, 0.1]).log())
    gate = gates_of(setup.having(targets=torch.from_numpy(labels)))["loss-at-init"]
    rate = labels[:150].mean()
    assert gate.expected == pytest.approx(-(1 - rate) * math.log(0.9) - rate * math.log(0.1))
    assert gate.passed


def test_an_overconfident_head_fails(digits):
    setup = digits()
    with torch.no_grad():
        setup.network[-1].weight.mul_(300)
    gate = gates_of(setup)["loss-at-init"]
    assert not gate.passed
    assert gate.measured > 2 * gate.expected


class Cut(nn.Module):
    """The classic slip: a layer whose result is thrown away."""

    def __init__(self) -> None:
        super().__init__()
        self.lost = nn.Linear(64, 64)
        self.kept = nn.Linear(64, 10)

    def forward(self, inputs):
        self.lost(inputs)
        return self.kept(inputs.detach())


def test_a_layer_without_gradient_is_named(digits):
    setup = replace(digits(), network=Cut())
    gate = gates_of(setup)["no-gradient"]
    assert not gate.passed
    assert gate.evidence["parameters"] == ["lost.weight", "lost.bias"]


def test_frozen_layers_are_a_slip_only_where_all_should_learn(digits):
    setup = digits()
    setup.network[0].requires_grad_(False)
    assert gates_of(setup)["no-gradient"].passed
    recipe = setup.recipe().changed({"model.transfer": "finetune"})
    gates = run_gates(
        setup.network, setup.data, recipe, task=setup.task, schema=setup.schema, watch=Watch()
    )
    (gate,) = (gate for gate in gates if gate.name == "no-gradient")
    assert gate.evidence["parameters"] == ["0.weight", "0.bias"]
    assert gate.evidence["frozen_by_mistake"] == ["0.weight", "0.bias"]


class Deaf(nn.Module):
    """Ignores its input: nothing can be learnt by heart."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(64, 10)

    def forward(self, inputs):
        return self.inner(torch.zeros_like(inputs))


def test_a_network_that_ignores_its_input_cannot_learn_a_batch(digits):
    gates = gates_of(replace(digits(), network=Deaf()))
    assert not gates["cannot-overfit-batch"].passed
    assert gates["cannot-overfit-batch"].evidence["samples"] > 2
    assert gates["no-gradient"].evidence["parameters"] == ["inner.weight"]


class Rewritten(nn.Module):
    """Takes its weights back after every step, and changes those that are frozen."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(64, 10)
        self.kept = self.inner.weight.detach().clone()
        self.frozen = nn.Parameter(torch.ones(10), requires_grad=False)

    def forward(self, inputs):
        with torch.no_grad():
            self.inner.weight.copy_(self.kept)
            self.frozen.mul_(0.9)
        return self.inner(inputs) * self.frozen


def test_frozen_weights_that_change_all_the_same_are_named(digits):
    gate = gates_of(replace(digits(), network=Rewritten()))["wrong-step"]
    assert not gate.passed
    assert gate.evidence["moved"] == ("frozen",)


class Twice:
    """An objective that asks for two steps of the same optimiser a batch."""

    def __init__(self, objective) -> None:
        self.parameters = objective.parameters
        self.evaluate = objective.evaluate
        self.steps = lambda *batch: [*objective.steps(*batch), *objective.steps(*batch)]


def test_a_step_that_is_taken_twice_is_counted(digits):
    class Hasty(Classification):
        def objective(self, *args, **options):
            return Twice(super().objective(*args, **options))

    gate = gates_of(replace(digits(), task=Hasty()))["wrong-step"]
    assert (gate.measured, gate.passed) == (2.0, False)


def test_a_weight_that_the_optimiser_does_not_know_is_named(digits):
    class Forgetful(Classification):
        def objective(self, *args, **options):
            made = super().objective(*args, **options)
            (groups,) = made.parameters().values()
            made.parameters = lambda: {"main": groups[:1]}  # biases and gains are left out
            return made

    gate = gates_of(replace(digits(), task=Forgetful()))["wrong-step"]
    assert not gate.passed
    assert "4.bias" in gate.evidence["unmoved"]
    assert "0.weight" not in gate.evidence["unmoved"]


def test_a_tiny_network_is_not_blamed_for_its_size(digits):
    points = np.random.default_rng(0).normal(size=(400, 2)).astype(np.float32)
    network = nn.Linear(2, 10)
    setup = replace(digits(), network=network).having(inputs=MemoryInputs(points))
    assert gates_of(setup)["cannot-overfit-batch"].passed


def test_twins_with_different_labels_are_not_put_into_the_batch(digits):
    same = np.zeros((400, 64), dtype=np.float32)
    same[::2] = 1.0
    setup = digits().having(inputs=MemoryInputs(same))
    assert gates_of(setup)["cannot-overfit-batch"].evidence["samples"] == 2


def test_without_time_a_check_passes_and_says_so(digits):
    gates = gates_of(digits(), watch=Watch(clock=lambda: 5.0, deadline=1.0))
    gate = gates["cannot-overfit-batch"]
    assert gate.passed
    assert gate.evidence["timed_out"]


@pytest.mark.parametrize("tick_s", [0.0, 0.01])
@pytest.mark.parametrize("make", [None, Deaf])
def test_a_busy_machine_comes_to_the_same_verdict(digits, make, tick_s):
    """Every look at the clock takes so long; a hundredth of a second a step is six seconds."""
    setup = digits() if make is None else replace(digits(), network=make())
    told = gates_of(setup)["cannot-overfit-batch"]
    ticks = itertools.count()
    busy = gates_of(setup, watch=Watch(clock=lambda: tick_s * next(ticks)))
    assert busy["cannot-overfit-batch"] == told
    assert told.passed == (make is None)
    assert not told.evidence["timed_out"]
    assert told.evidence["steps"] == (600 if make else pytest.approx(50, abs=46))


@pytest.mark.parametrize(("tick_s", "steps"), [(0.05, 60), (0.2, 20), (2.0, 4)])
def test_where_all_steps_would_take_too_long_few_are_made(digits, tick_s, steps):
    ticks = itertools.count()
    watch = Watch(clock=lambda: tick_s * next(ticks))
    gate = gates_of(replace(digits(), network=Deaf()), watch=watch)["cannot-overfit-batch"]
    assert (gate.evidence["steps"], gate.evidence["timed_out"]) == (steps, True)
    assert gate.passed == (steps == 4)


@pytest.mark.parametrize(("usual", "most", "steps"), [(5e8, 1e12, 240), (0, 1e12, 20), (0, 1e6, 4)])
def test_dear_steps_are_few_and_all_rates_have_their_share(digits, monkeypatch, usual, most, steps):
    rates = []
    make = memorising.make_optimizers
    monkeypatch.setattr(memorising, "USUAL_WORK", usual)
    monkeypatch.setattr(memorising, "MOST_WORK", most)
    monkeypatch.setattr(
        memorising, "make_optimizers", lambda a, train: (rates.append(train.lr), make(a, train))[1]
    )
    gate = gates_of(replace(digits(), network=Deaf()))["cannot-overfit-batch"]
    assert gate.evidence["steps"] == pytest.approx(steps, rel=0.2)
    assert gate.passed == (steps == 4)
    assert len(rates) == (3 if steps > 20 else 1)


def test_a_loss_that_came_to_rest_far_above_the_aim_needs_no_further_steps(digits, monkeypatch):
    """Softmax twice: ten probabilities as logits leave a loss of log(1 + 9 / e) at least."""
    monkeypatch.setattr(memorising, "USUAL_WORK", 2e9)
    sound = digits()
    twice = nn.Sequential(sound.network, nn.Softmax(1))
    gate = gates_of(replace(sound, network=twice))["cannot-overfit-batch"]
    assert gate.measured == pytest.approx(np.log(1 + 9 / np.e), rel=1e-2)
    assert (gate.passed, gate.evidence["timed_out"], gate.evidence["at_rest"]) == (
        False,
        True,
        True,
    )
    monkeypatch.setattr(memorising, "AIM", 1e-9)  # the sound one still falls when it is stopped
    gate = gates_of(sound)["cannot-overfit-batch"]
    assert (gate.passed, gate.evidence["timed_out"], gate.evidence["at_rest"]) == (
        True,
        True,
        False,
    )


def test_values_start_at_a_loss_of_one(digits):
    setup = digits()
    numbers = np.random.default_rng(0).normal(50, 7, (400, 1))
    setup.network[-1] = nn.Linear(32, 1)
    with torch.no_grad():
        setup.network[-1].weight.mul_(0.1)
        setup.network[-1].bias.zero_()
    schema = TargetSchema("values", ("size",), offset=(50.0,), scale=(7.0,))
    setup = replace(setup, schema=schema, task=Regression()).having(
        targets=torch.from_numpy(numbers)
    )
    gates = gates_of(setup)
    assert gates["loss-at-init"].expected == pytest.approx(1, rel=0.3)
    assert all(gate.passed for gate in gates.values()), gates
    assert isinstance(
        Regression().predictions(["a"], numbers[:1], np.zeros((1, 1), np.float32), schema),
        ValuePredictions,
    )


def test_exchanged_inputs_hurt_a_trained_network_only(digits, tmp_path):
    setup = digits()
    recipe = setup.recipe()
    objective = setup.task.objective(setup.network, recipe, setup.schema)
    setup.fit(tmp_path, epochs=8, lr=0.02)
    gate = input_ignored(objective, setup.network, setup.data, recipe)
    assert gate.passed
    assert gate.measured > gate.expected
    deaf = Deaf()
    objective = setup.task.objective(deaf, recipe, setup.schema)
    assert not input_ignored(objective, deaf, setup.data, recipe).passed


def test_random_labels_are_noticed(digits, tmp_path):
    labels = torch.from_numpy(np.random.default_rng(0).integers(0, 10, 400))
    setup = digits().having(targets=labels)
    recipe = setup.recipe()
    setup.fit(tmp_path, epochs=3)
    objective = setup.task.objective(setup.network, recipe, setup.schema)
    assert not input_ignored(objective, setup.network, setup.data, recipe).passed


def test_gates_come_back_from_the_folder(tmp_path):
    gates = (
        Gate("no-gradient", 0.0, 0.0, True, {"parameters": []}),
        Gate("x", math.nan, 1.0, False),
    )
    assert read_gates(tmp_path) == ()
    write_gates(tmp_path, gates)
    first, second = read_gates(tmp_path)
    assert first == gates[0]
    assert math.isnan(second.measured)
    (tmp_path / "gates.json").write_text('[{"measured": 1}]')
    with pytest.raises(CorruptFileError, match=r"gates\.json"):
        read_gates(tmp_path)


def test_inputs_that_are_all_the_same_are_no_crash_under_batch_normalisation(digits):
    network = nn.Sequential(nn.Linear(64, 8), nn.BatchNorm1d(8), nn.Linear(8, 10))
    setup = replace(digits(), network=network)
    same = setup.having(inputs=MemoryInputs(np.ones((400, 64), dtype=np.float32)))
    assert gates_of(same)["cannot-overfit-batch"].evidence["samples"] == 2


COUNTED = """
import sys
import torch
from torch import nn
from phoropter.training.memorising import _Operations
network = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.Flatten(), nn.Linear(288, 2))
with _Operations() as counter, torch.no_grad():
    network(torch.zeros(5, 3, 8, 8))
if "torch._dynamo" in sys.modules:
    sys.exit("the compiler was loaded")
print(counter.total)
"""


def test_operations_are_counted_without_torchs_compiler():
    """Two for each product: of 27 at 36 places of 8 channels, and of 288 numbers with 2 weights."""
    done = subprocess.run([sys.executable, "-c", COUNTED], capture_output=True, check=True)
    assert int(done.stdout) == 5 * 2 * (27 * 36 * 8 + 288 * 2)
