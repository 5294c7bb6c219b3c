"""Steps without the autograd engine against the same steps with it: the same bits."""

import copy
from types import SimpleNamespace

import pytest
import torch
from accelerate import Accelerator
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from phoropter.core.recipe import Recipe
from phoropter.core.records import TargetSchema
from phoropter.models.network import LinearHead, Network
from phoropter.tasks.classification import Classification
from phoropter.tasks.regression import Regression
from phoropter.tasks.supervised import Losses, Supervised
from phoropter.training.direct import DirectStepper, chain_of, make_stepper
from phoropter.training.feed import Batch, Draws
from phoropter.training.numerics import Numerics, write_numerics
from phoropter.training.optimizers import make_optimizers
from phoropter.training.records import Watch
from phoropter.training.rehearsal import own_randomness
from phoropter.training.step import Stepper

ACTIVATIONS = (
    nn.ReLU(),
    nn.ReLU(inplace=True),
    nn.LeakyReLU(0.1),
    nn.GELU(),
    nn.GELU(approximate="tanh"),
    nn.SiLU(),
    nn.Tanh(),
    nn.Sigmoid(),
)
LOSSES = {
    "classification": ("cross_entropy", "focal", "bce"),
    "regression": ("mse", "mae", "huber"),
}
OPTIMIZERS = Recipe().train.__class__.model_fields["optimizer"].annotation.__args__
PLAIN = Numerics(False, False, 1, "")
DIRECT = Numerics(False, False, 1, "", direct=True)


@st.composite
def networks(draw):
    """One to three hidden layers of every kind that can be had, some of them frozen."""
    units, parts = 6, []
    if draw(st.booleans()):
        parts += [nn.Flatten()]
    for _ in range(draw(st.integers(0, 3))):
        width = draw(st.integers(2, 9))
        layers = [nn.Linear(units, width, bias=draw(st.booleans()))]
        layers += draw(st.sampled_from([[], [nn.BatchNorm1d(width)], [nn.LayerNorm(width)]]))
        layers += [copy.deepcopy(draw(st.sampled_from(ACTIVATIONS)))]
        layers += draw(st.sampled_from([[], [nn.Dropout(0.4)], [nn.Identity()]]))
        if draw(st.integers(0, 3)) == 0:
            layers[0].weight.requires_grad_(False)
        parts.append(nn.Sequential(*layers))
        units = width
    head = LinearHead(units, 3, dropout=draw(st.sampled_from([0.0, 0.3])))
    return Network(nn.Sequential(*parts), head, units)


def objective_of(network, recipe):
    if recipe.task == "regression":
        schema = TargetSchema("values", ("a", "b", "c"), offset=(0.0,) * 3, scale=(1.0,) * 3)
        return Regression().objective(network, recipe, schema)
    schema = TargetSchema("classes", ("a", "b", "c"), counts=(5, 3, 8))
    return Classification().objective(network, recipe, schema)


def stepped(network, recipe, numerics, batches):
    """Losses, norms and states after a few steps on a copy of the network."""
    network = copy.deepcopy(network).train()
    objective = objective_of(network, recipe)
    optimizers = make_optimizers(objective, recipe.train)
    step = make_stepper(
        objective,
        optimizers,
        accelerator=Accelerator(),
        numerics=numerics,
        clip=recipe.train.clip,
    )
    assert isinstance(step, DirectStepper if numerics.direct else Stepper)
    said = []
    with own_randomness(0, "dropout"):
        for batch in batches:
            loss, norms = step([batch], measure_norms=True)
            said += [loss, norms.clone()]
    state = optimizers["main"].state_dict()["state"]
    moments = [value for one in state.values() for value in one.values() if value is not None]
    return said, [*network.state_dict().values(), *moments]


@st.composite
def recipes(draw):
    task = draw(st.sampled_from(sorted(LOSSES)))
    change = {
        "task": task,
        "train.loss": draw(st.sampled_from(LOSSES[task])),
        "train.optimizer": draw(st.sampled_from(OPTIMIZERS)),
        "train.clip": draw(st.sampled_from([None, 0.5])),
        "train.lr": 0.01,
        "train.weight_decay": draw(st.sampled_from([0.0, 0.1])),
        "train.head_lr_factor": draw(st.sampled_from([1.0, 10.0])),
        "train.label_smoothing": draw(st.sampled_from([0.0, 0.1])),
    }
    if task == "classification":
        change["train.class_weights"] = draw(st.sampled_from(["none", "balanced"]))
    return Recipe().changed(change)


def batches_for(recipe, sizes, seed):
    draws = torch.Generator().manual_seed(seed)
    for size in sizes:
        inputs = torch.randn(size, 6, generator=draws)
        targets = (
            torch.randn(size, 3, generator=draws)
            if recipe.task == "regression"
            else torch.randint(3, (size,), generator=draws)
        )
        yield Batch(inputs, targets, Draws(seed), size)


@settings(max_examples=150, deadline=None)
@given(
    networks(), recipes(), st.lists(st.integers(2, 8), min_size=3, max_size=3), st.integers(0, 9)
)
def test_every_step_has_the_bits_of_autograds(network, recipe, sizes, seed):
    batches = list(batches_for(recipe, sizes, seed))
    plain = stepped(network, recipe, PLAIN, batches)
    direct = stepped(network, recipe, DIRECT, batches)
    for ours, theirs in zip(direct, plain, strict=True):
        assert len(ours) == len(theirs)
        assert all(map(torch.equal, ours, theirs))


class Doubled(nn.Linear):
    def forward(self, inputs):
        return 2 * super().forward(inputs)


def hooked():
    layer = nn.Linear(6, 3)
    layer.register_forward_hook(lambda *_: None)
    return layer


def listened():
    layer = nn.Linear(6, 3)
    layer.weight.register_hook(lambda gradient: 2 * gradient)
    return layer


def replaced():
    layer = nn.Linear(6, 3)
    layer.forward = lambda inputs: inputs[:, :3]
    return layer


def with_more():
    network = nn.Sequential(nn.Linear(6, 3))
    network.register_parameter("extra", nn.Parameter(torch.zeros(1)))
    return network


def shared():
    layer = nn.Linear(6, 6)
    return nn.Sequential(layer, nn.ReLU(), layer, nn.Linear(6, 3))


@pytest.mark.parametrize(
    "network",
    [
        Doubled(6, 3),
        hooked(),
        listened(),
        replaced(),
        with_more(),
        shared(),
        nn.Linear(6, 3).double(),
        nn.Sequential(nn.Linear(6, 3), nn.Softplus()),
        nn.Sequential(nn.BatchNorm1d(6, affine=False), nn.Linear(6, 3)),
        nn.Linear(6, 3).requires_grad_(False),
    ],
)
def test_what_is_not_known_is_left_to_autograd(network):
    assert chain_of(objective_of(network, Recipe()), flat=True) is None


def test_only_vectors_are_multiplied_directly():
    known = nn.Linear(6, 3)
    assert chain_of(objective_of(known, Recipe()), flat=True) is not None
    assert chain_of(objective_of(known, Recipe()), flat=False) is None
    flat = nn.Sequential(nn.Flatten(), nn.Linear(6, 3))
    assert chain_of(objective_of(flat, Recipe()), flat=False) is not None


def test_another_objective_and_mixed_samples_are_left_to_autograd():
    network = nn.Linear(6, 3)
    objective = objective_of(network, Recipe())
    objective.mix = lambda inputs, generator: (inputs, torch.arange(len(inputs)), 1.0)
    assert chain_of(objective, flat=True) is None
    assert chain_of(SimpleNamespace(network=network), flat=True) is None


def test_batch_normalisation_of_one_sample_is_refused_as_by_torch():
    network = nn.Sequential(nn.BatchNorm1d(6), nn.Linear(6, 3))
    (batch,) = batches_for(Recipe(), [1], 0)
    with pytest.raises(ValueError, match="got 1"):
        stepped(network, Recipe(), DIRECT, [batch])


def test_a_loss_may_write_into_the_outputs():
    said = []
    for numerics in (PLAIN, DIRECT):
        with own_randomness(0, "weights"):
            network = nn.Linear(6, 3)
        losses = Losses(lambda outputs, _: outputs.mul_(2).square().mean(), lambda *_: None)
        objective = Supervised(network, losses)
        step = make_stepper(
            objective,
            make_optimizers(objective, Recipe().train),
            accelerator=Accelerator(),
            numerics=numerics,
            clip=None,
        )
        said.append(step([*batches_for(Recipe(), [4], 0)], measure_norms=True))
    assert all(map(torch.equal, *said))


def test_a_whole_run_has_the_same_history_and_weights(digits, tmp_path):
    plain, direct = digits(), digits()
    change = {"epochs": 4, "ema": 0.9, "clip": 1.0, "optimizer": "adam"}
    (tmp_path / "direct").mkdir()
    write_numerics(tmp_path / "direct", DIRECT)
    first = plain.fit(tmp_path / "plain", **change)
    second = direct.fit(tmp_path / "direct", **change)
    assert (first.numerics["direct"], second.numerics["direct"]) == (False, True)
    assert first.history == second.history
    for name in ("signals.json", "checkpoint/best.safetensors"):
        assert (tmp_path / "plain" / name).read_bytes() == (tmp_path / "direct" / name).read_bytes()


class Ticking:
    """A clock that goes on by itself, so that a deadline falls where the test wants it."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        self.now += 0.1
        return self.now


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "momentum"])
def test_a_cut_run_ends_with_the_bits_of_a_whole_one_by_autograd(optimizer, digits, tmp_path):
    whole, cut = digits(), digits()
    (tmp_path / "cut").mkdir()
    write_numerics(tmp_path / "cut", DIRECT)
    whole.fit(tmp_path / "whole", optimizer=optimizer)
    watch = Watch(clock=Ticking(), deadline=5.0)
    stopped = cut.fit(tmp_path / "cut", watch=watch, optimizer=optimizer)
    assert stopped.stopped_by == "budget"
    cut = digits()
    assert cut.fit(tmp_path / "cut", optimizer=optimizer).numerics["direct"]
    for name in ("history.jsonl", "checkpoint/best.safetensors"):
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "cut" / name).read_bytes()


@pytest.mark.parametrize(
    "change",
    [{"accumulate": 2}, {"numerics": "float32"}, {"unfreeze": 0.5}, {"norm_statistics": "kept"}],
)
def test_a_run_that_cannot_or_must_not_is_left_to_autograd(change, digits, tmp_path):
    outcome = digits().fit(tmp_path, **{"numerics": "auto", "epochs": 60, **change})
    assert outcome.numerics["direct"] is False
