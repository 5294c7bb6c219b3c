"""Layer groups, next to timm's own and to what a person reads off the network."""

import pytest
import timm
import torch
from timm.models import group_parameters
from torch import nn

from phoropter.core.recipe import Recipe
from phoropter.core.records import TargetSchema
from phoropter.models.build import build
from phoropter.models.layer_groups import layer_groups
from phoropter.models.network import Network
from phoropter.models.timm_zoo import timm_name
from phoropter.models.zoo_table import ZOO

SCHEMA = TargetSchema("classes", ("a", "b"), counts=(1, 1))


def made(name, size=32):
    recipe = Recipe().changed({"model.name": name, "model.pretrained": False, "data.size": size})
    return build(recipe, SCHEMA)


def named(network):
    """The names of the parameters of every group."""
    names = {id(p): name for name, p in network.named_parameters()}
    return [[names[id(p)] for p in group.parameters] for group in layer_groups(network)]


@pytest.mark.parametrize("name", ["cnn", "mlp", "xception_small", "efficientnet_lite0", "resnet18"])
def test_every_parameter_is_in_one_group_and_the_head_is_the_last(name):
    network = made(name)
    groups = named(network)
    together = [name for names in groups for name in names]
    assert sorted(together) == sorted(name for name, _ in network.named_parameters())
    assert groups[-1] == ["head.linear.weight", "head.linear.bias"]
    statistics = [module for group in layer_groups(network) for module in group.statistics]
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    assert {id(module) for module in statistics} >= {id(module) for module in norms}
    assert len(statistics) == len(set(statistics))


@pytest.mark.parametrize("name", ["resnet18", "efficientnet_b0", "vit_tiny_patch16_224"])
def test_groups_of_timms_networks_are_timms(name):
    whole = timm.create_model(name, num_classes=2)
    layer_of = group_parameters(whole, whole.group_matcher(coarse=False), reverse=True)
    trunk = timm.create_model(name, num_classes=0)
    network = Network(trunk, nn.Linear(trunk.num_features, 2), trunk.num_features)
    groups = named(network)
    assert len(groups) == max(layer_of.values()) + 1
    for at, names in enumerate(groups[:-1]):
        assert {layer_of[name.removeprefix("trunk.")] for name in names} == {at}


def test_a_block_of_lite0_is_a_group():
    groups = named(made("efficientnet_lite0"))
    assert len(groups) == 1 + 16 + 1 + 1  # stem, blocks, last convolution, head
    assert groups[0] == ["trunk.conv_stem.weight", "trunk.bn1.weight", "trunk.bn1.bias"]
    assert all(name.startswith("trunk.blocks.1.0.") for name in groups[2])


def test_chains_are_opened_and_normalisations_belong_to_the_layer_before():
    groups = named(made("cnn"))
    assert [len(names) for names in groups] == [3] * 6 + [2]


class Wrapped(nn.Module):
    """A backbone under another name, tokens of its own, and a normalisation without parameters."""

    def __init__(self):
        super().__init__()
        self.token = nn.Parameter(torch.zeros(1, 4))
        self.backbone = Backbone()
        self.still = nn.BatchNorm1d(4, affine=False)
        self.classifier = nn.Linear(4, 2)


class Backbone(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(4, 4), nn.Linear(4, 4)


def test_a_network_of_ones_own_is_taken_by_the_order_of_its_children():
    network = Wrapped()
    assert named(network) == [
        ["token", "backbone.first.weight", "backbone.first.bias"],
        ["backbone.second.weight", "backbone.second.bias"],
        ["classifier.weight", "classifier.bias"],
    ]
    assert [list(group.statistics) for group in layer_groups(network)] == [[], [network.still], []]


def test_what_is_frozen_from_the_start_is_in_no_group():
    network = made("mlp")
    next(network.trunk.parameters()).requires_grad_(False)
    assert sum(len(names) for names in named(network)) == len(list(network.parameters())) - 1


@pytest.mark.parametrize("name", sorted(ZOO))
def test_every_network_of_the_list_has_layers(name):
    """Built without memory for the weights: the names are all that counts."""
    with torch.device("meta"):
        trunk = timm.create_model(timm_name(name), num_classes=0)
        network = Network(trunk, nn.Linear(8, 2), 8)
    groups = named(network)
    together = [name for names in groups for name in names]
    assert sorted(together) == sorted(name for name, _ in network.named_parameters())
    assert groups[-1] == ["head.weight", "head.bias"]
    assert len(groups) >= 6
