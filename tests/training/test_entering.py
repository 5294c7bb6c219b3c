from dataclasses import replace

import pytest
import torch
from torch import nn

from phoropter.core.recipe import Recipe
from phoropter.core.records import Normalization
from phoropter.models.preprocessing import preprocessing
from phoropter.training.entering import first_input, preprocessing_gate


def of_weights(**change):
    recipe = Recipe().changed(change)
    how = preprocessing(recipe, pixel_mean=(0.48, 0.46, 0.41), pixel_std=(0.23, 0.22, 0.22))
    return preprocessing_gate(recipe, how, nn.Identity(), None)


def test_the_weights_own_statistics_pass():
    gate = of_weights()
    assert (gate.measured, gate.passed) == (0.0, True)
    assert gate.evidence["expected_mean"] == (0.5, 0.5, 0.5)
    assert of_weights(**{"data.channels": 1}).passed
    assert of_weights(**{"model.name": "resnet18"}).passed


def test_other_statistics_are_as_far_off_as_they_are():
    unscaled = of_weights(**{"data.normalize": "none"})  # mean 0 and spread 1 instead of .5 and .5
    assert unscaled.measured == pytest.approx(1.0)
    assert not unscaled.passed
    of_data = of_weights(**{"data.normalize": "data"})
    assert of_data.measured == pytest.approx(0.8210, abs=1e-3)  # ln(0.5 / 0.22)
    assert not of_data.passed


def inputs(mean, std, *, shape=(32, 1, 8, 8)):
    draws = torch.Generator().manual_seed(0)
    return torch.randn(*shape, generator=draws) * std + mean


def from_scratch(numbers, *before):
    recipe = Recipe().changed({"model.name": "cnn"})
    network = nn.Sequential(*before, nn.Conv2d(1, 2, 3) if numbers.ndim == 4 else nn.Linear(20, 2))
    return preprocessing_gate(recipe, preprocessing(recipe), network.eval(), numbers)


@pytest.mark.parametrize(("mean", "std"), [(0, 1), (0.3, 0.35), (0.9, 0.25), (-2, 0.5)])
def test_usual_inputs_of_networks_from_scratch_pass(mean, std):
    gate = from_scratch(inputs(mean, std))
    assert gate.passed
    assert gate.measured == pytest.approx(std, rel=0.1)


@pytest.mark.parametrize(
    ("mean", "std"),
    [
        (0, 0.02),  # faint images, normalised by other ones' statistics
        (128, 60),  # bytes
        (1000, 5),  # a table's column as it stands
    ],
)
def test_unusual_ones_fail(mean, std):
    assert not from_scratch(inputs(mean, std)).passed
    assert not from_scratch(inputs(mean, std, shape=(32, 20))).passed


def test_a_blank_input_fails_and_a_single_blank_column_does_not():
    assert not from_scratch(torch.full((32, 1, 8, 8), 0.3)).passed
    numbers = inputs(0, 1, shape=(32, 20))
    numbers[:, 4] = 7.0
    assert from_scratch(numbers).passed


class Scaled(nn.Module):
    def forward(self, inputs):
        return inputs * 255


def test_what_the_network_does_to_its_input_itself_counts():
    assert not from_scratch(inputs(0.3, 0.3), Scaled()).passed
    assert from_scratch(inputs(0.3, 0.3).div_(255), Scaled(), nn.Dropout(0.5)).passed
    assert from_scratch(inputs(128, 60), nn.BatchNorm2d(1)) is None


def test_nothing_behind_the_first_layer_is_computed_and_hooks_are_gone():
    class Wrong(nn.Module):
        def forward(self, inputs):
            raise AssertionError

    network = nn.Sequential(nn.Flatten(), nn.Linear(64, 4), Wrong())
    images = inputs(0, 1)
    assert torch.equal(first_input(network, images), images.flatten(1))
    assert not any(module._forward_pre_hooks for module in network.modules())
    assert first_input(nn.Identity(), images) is None


def test_features_and_networks_of_ones_own_are_not_judged_by_weights():
    recipe = Recipe().changed({"model.name": "cnn"})
    assert preprocessing_gate(recipe, preprocessing(recipe), nn.Linear(2, 2), None) is None
    own = Recipe().changed({"model.name": "net.py:Net"})
    network = nn.Conv2d(1, 2, 3)
    assert preprocessing_gate(own, preprocessing(own), network, None) is None
    gate = preprocessing_gate(own, preprocessing(own), network, inputs(0, 1))
    assert gate.evidence["from"] == "inputs"


def test_the_statistics_that_count_are_those_of_the_record():
    recipe = Recipe()
    how = replace(preprocessing(recipe), normalization=Normalization((0.0,) * 3, (1.0,) * 3))
    assert not preprocessing_gate(recipe, how, nn.Identity(), None).passed
