import math

import pytest
import torch

from phoropter.core.errors import UsageError
from phoropter.core.recipe import Recipe
from phoropter.core.records import TargetSchema
from phoropter.models.build import build, build_trunk
from phoropter.models.network import LinearHead

CLASSES = TargetSchema("classes", ("a", "b", "c"), counts=(70, 20, 10))
VALUES = TargetSchema("values", ("x", "y"), offset=(1.0, 2.0), scale=(3.0, 4.0))


def small(**changes):
    base = {"model.name": "cnn", "model.width": 4, "data.size": 12, "data.channels": 1}
    return Recipe().changed({**base, **changes})


def test_the_seed_alone_decides_the_weights():
    torch.rand(5)  # whatever happened before
    first, again = build(small(), CLASSES).state_dict(), build(small(), CLASSES).state_dict()
    assert all(torch.equal(first[key], again[key]) for key in first)
    other = build(small(seed=1), CLASSES).state_dict()
    assert not torch.equal(first["trunk.stages.0.0.weight"], other["trunk.stages.0.0.weight"])


def test_building_leaves_the_global_generator_alone():
    before = torch.get_rng_state()
    build(small(), CLASSES)
    build_trunk("cnn", pretrained=False, channels=1, size=8)
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("name", ["cnn", "mlp"])
def test_the_loss_before_training_is_that_of_the_base_rates(name):
    network = build(small(**{"model.name": name}), CLASSES).eval()
    images = torch.randn(100, 1, 12, 12, generator=torch.Generator().manual_seed(0))
    targets = torch.tensor([0] * 70 + [1] * 20 + [2] * 10)
    loss = torch.nn.functional.cross_entropy(network(images), targets).item()
    entropy = -sum(p * math.log(p) for p in (0.7, 0.2, 0.1))
    assert loss == pytest.approx(entropy, rel=0.02)


def test_values_start_at_their_mean():
    network = build(small(), VALUES)
    assert isinstance(network.head, LinearHead)
    assert network.head.linear.bias.tolist() == [0.0, 0.0]
    assert network.eval()(torch.randn(5, 1, 12, 12)).abs().max() < 0.2


def test_a_class_without_samples_has_a_finite_bias():
    schema = TargetSchema("classes", ("a", "b"), counts=(10, 0))
    assert build(small(), schema).head.linear.bias.isfinite().all()


def test_dropout_is_the_recipes():
    assert build(small(**{"model.dropout": 0.5}), CLASSES).head.dropout.p == 0.5


def test_every_layer_gets_a_gradient_in_the_first_step():
    network = build(small(), CLASSES)
    network(torch.rand(4, 1, 12, 12)).square().sum().backward()
    assert all(parameter.grad.abs().sum() > 0 for parameter in network.parameters())


def test_classic_models_have_no_network():
    with pytest.raises(UsageError, match="logistic"):
        build(small(**{"model.name": "logistic"}), CLASSES)


def test_an_unknown_trunk_leads_to_the_nearest():
    with pytest.raises(UsageError, match="Did you mean 'efficientnet_lite0'"):
        build_trunk("efficientnet_lite7", pretrained=False, channels=3, size=64)


def test_frozen_trunks_are_in_eval_mode():
    trunk, _ = build_trunk("cnn", pretrained=False, channels=1, size=8)
    assert not trunk.training
