import pytest
import torch
from torch import nn
from torch.nn import functional

from phoropter.core.recipe import Recipe
from phoropter.core.records import TargetSchema
from phoropter.models.build import build
from phoropter.training.company import answering


class Around(nn.Module):
    """A layer around a function of a batch, with batch normalisation and dropout before it."""

    def __init__(self, function=lambda answers: answers):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(6, 8), nn.BatchNorm1d(8), nn.SiLU(), nn.Dropout(0.5), nn.Linear(8, 4)
        )
        self.function = function

    def forward(self, inputs):
        return self.function(self.layers(inputs))


class StuckOff(Around):
    def train(self, mode=True):
        super().train(mode)
        for module in self.layers:
            module.eval()


class StuckOn(Around):
    def train(self, mode=True):
        return super().train(True)


class DropoutOn(Around):
    def train(self, mode=True):
        super().train(mode)
        self.layers[3].training = True
        return self


class KeepsPretrained(Around):
    """Batch normalisation that stays as it was pretrained: a usual way to fine-tune."""

    def __init__(self):
        super().__init__()
        self.layers[1].running_mean.add_(0.3)

    def train(self, mode=True):
        super().train(mode)
        self.layers[1].eval()
        return self


class FrozenTrunk(Around):
    """Frozen layers that are left in eval mode, their dropout too."""

    def __init__(self):
        super().__init__()
        self.layers.requires_grad_(False)
        self.top = nn.Linear(4, 4)

    def forward(self, inputs):
        return self.top(self.layers(inputs))

    def train(self, mode=True):
        super().train(mode)
        self.layers.eval()
        return self


def gates(network, inputs=None):
    inputs = (
        torch.randn(3, 6, generator=torch.Generator().manual_seed(1)) if inputs is None else inputs
    )
    before = {name: value.clone() for name, value in network.state_dict().items()}
    found = {gate.name: gate for gate in answering(network, inputs)}
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())
    return found


@pytest.mark.parametrize("sound", [Around, KeepsPretrained, FrozenTrunk])
def test_sound_networks_pass(sound):
    found = gates(sound())
    assert list(found) == ["mode-mixup", "batch-mixing"]
    assert all(gate.passed for gate in found.values()), found
    assert found["batch-mixing"].measured == 0.0


@pytest.mark.parametrize("name", ["cnn", "xception_small", "mlp", "efficientnet_lite0", "resnet18"])
def test_networks_of_the_zoo_pass(name):
    recipe = Recipe().changed(
        {"model.name": name, "model.pretrained": False, "data.size": 32, "model.dropout": 0.3}
    )
    network = build(recipe, TargetSchema("classes", ("a", "b"), counts=(3, 3)))
    found = gates(network, torch.randn(3, 3, 32, 32, generator=torch.Generator().manual_seed(1)))
    assert found["mode-mixup"].passed
    assert found["batch-mixing"].passed


def test_layers_that_stay_off_in_training_are_named():
    gate = gates(StuckOff())["mode-mixup"]
    assert not gate.passed
    assert gate.evidence["off_in_training"] == ("layers.1", "layers.3")


def test_layers_that_stay_on_in_evaluation_are_named_and_not_blamed_for_mixing():
    found = gates(StuckOn())
    evidence = found["mode-mixup"].evidence
    assert evidence["on_in_evaluation"] == ("layers.1", "layers.3")
    assert "layers.1.running_mean" in evidence["changed_by_evaluation"]
    assert evidence["difference"] > 0
    assert found["batch-mixing"].passed
    assert gates(DropoutOn())["mode-mixup"].evidence["on_in_evaluation"] == ("layers.3",)


def test_noise_that_no_module_makes_is_heard():
    gate = gates(Around(lambda answers: functional.dropout(answers, 0.5)))["mode-mixup"]
    assert not gate.passed
    assert gate.evidence["on_in_evaluation"] == ()
    assert gate.evidence["difference"] > 0.1


@pytest.mark.parametrize(
    "mixes",
    [
        lambda answers: answers.softmax(0),
        lambda answers: answers.t().reshape(answers.shape),
        lambda answers: answers.cumsum(0),
        lambda answers: answers.flip(0).cumsum(0).flip(0),
        lambda answers: answers - answers.mean(0),
        lambda answers: answers.roll(1, 0),
    ],
    ids=["softmax", "reshape", "cumsum", "backwards", "mean", "roll"],
)
def test_answers_that_depend_on_other_samples_are_found(mixes):
    found = gates(Around(mixes))
    assert found["mode-mixup"].passed
    assert not found["batch-mixing"].passed
    assert found["batch-mixing"].measured > 0.01


def test_softmax_over_classes_mixes_nothing_though_its_outputs_sum_to_one():
    assert gates(Around(lambda answers: answers.softmax(1)))["batch-mixing"].passed


def test_what_has_no_gradient_or_company_is_not_judged():
    assert list(gates(Around(lambda answers: answers.detach()))) == ["mode-mixup"]
    assert list(gates(Around(), torch.randn(2, 6))) == ["mode-mixup"]


def test_networks_that_work_in_place_may_be_asked():
    class InPlace(Around):
        def forward(self, inputs):
            return super().forward(inputs.sub_(0.5))

    assert all(gate.passed for gate in gates(InPlace()).values())
