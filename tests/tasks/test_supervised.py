import pytest
import torch
from torch import nn
from torch.nn import functional

from phoropter.tasks.supervised import Losses, Supervised, parameter_groups


class Headed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.trunk = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Flatten())
        self.head = nn.Linear(2, 3)


LOSSES = Losses(
    training=functional.cross_entropy,
    plain=lambda outputs, targets: functional.cross_entropy(outputs, targets, reduction="none"),
)


def test_norms_and_biases_are_not_decayed_and_the_head_has_its_own_rate():
    network = Headed()
    groups = {
        (g.lr_factor, g.decay): g.parameters for g in parameter_groups(network, head_lr_factor=10)
    }
    norm = network.trunk[1]
    assert [list(map(id, groups[key])) for key in ((1.0, True), (1.0, False))] == [
        [id(network.trunk[0].weight)],
        [id(network.trunk[0].bias), id(norm.weight), id(norm.bias)],
    ]
    assert groups[10, True] == [network.head.weight]
    assert groups[10, False] == [network.head.bias]


def test_every_trainable_parameter_is_in_one_group_and_frozen_ones_in_none():
    network = Headed()
    network.trunk.requires_grad_(False)
    grouped = [id(p) for group in parameter_groups(network) for p in group.parameters]
    assert sorted(grouped) == sorted(id(p) for p in network.head.parameters())


def test_mixing_blends_the_loss_as_it_blends_the_samples():
    network = nn.Linear(2, 3)
    partner = torch.tensor([1, 2, 0])

    def mix(inputs, generator):
        assert torch.rand(1, generator=generator) is not None
        return 0.3 * inputs + 0.7 * inputs[partner], partner, 0.3

    inputs, targets = torch.randn(3, 2), torch.tensor([0, 1, 2])
    ((_, loss),) = Supervised(network, LOSSES, mix=mix).steps(inputs, targets, torch.Generator())
    outputs = network(0.3 * inputs + 0.7 * inputs[partner])
    soft = 0.3 * functional.one_hot(targets, 3) + 0.7 * functional.one_hot(targets[partner], 3)
    assert loss().item() == pytest.approx(functional.cross_entropy(outputs, soft).item(), rel=1e-6)


def test_evaluation_never_mixes():
    def mix(inputs, generator):
        raise AssertionError

    network = nn.Linear(2, 3)
    inputs = torch.randn(3, 2)
    outputs, losses = Supervised(network, LOSSES, mix=mix).evaluate(inputs, torch.tensor([0, 1, 2]))
    assert torch.equal(outputs, network(inputs))
    assert losses.shape == (3,)
