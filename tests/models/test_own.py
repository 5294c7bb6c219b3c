import sys
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional

from phoropter.core.errors import BrokenContractError, UsageError
from phoropter.core.recipe import Recipe
from phoropter.core.records import TargetSchema
from phoropter.models.build import build, build_trunk
from phoropter.models.catalog import card

CLASSES = TargetSchema("classes", ("a", "b", "c"), counts=(70, 20, 10))
VALUES = TargetSchema("values", ("x",), offset=(0.0,), scale=(1.0,))


def built(part, schema=CLASSES, **changes):
    base = {"model.name": part, "data.size": 8, "data.channels": 1}
    return build(Recipe().changed({**base, **changes}), schema)


class Net(nn.Module):
    """A sound one; the broken ones below change its forward."""

    def __init__(self, outputs, channels=3, size=8):
        super().__init__()
        self.layer = nn.Linear(channels * size * size, outputs)

    def forward(self, images):
        return self.layer(images.flatten(1))


def trunk(in_chans, img_size, recipe):
    return nn.Sequential(nn.Flatten(), nn.Linear(in_chans * img_size**2, recipe.width)), 32


@pytest.mark.parametrize("schema", [CLASSES, VALUES])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("part", [Net, trunk])
def test_a_class_or_function_makes_a_network(part, schema, channels):
    network = built(part, schema, **{"data.channels": channels})
    assert network(torch.rand(5, channels, 8, 8)).shape == (5, schema.outputs)


def test_a_trunk_gets_a_last_layer_that_starts_at_the_base_rates():
    network = built(trunk)
    assert network.feature_count == 32
    shares = network.head.linear.bias.softmax(0)
    torch.testing.assert_close(shares, torch.tensor([0.7, 0.2, 0.1]))


def test_an_object_keeps_its_weights_and_is_not_touched():
    mine = Net(3, 1)
    before = mine.layer.weight.clone()
    network = built(mine)
    assert torch.equal(network.trunk.layer.weight, before)
    with torch.no_grad():
        network.trunk.layer.weight.zero_()
    assert torch.equal(mine.layer.weight, before)


def test_the_seed_decides_the_weights_of_a_class():
    one, again, other = (built(Net, seed=seed).trunk.layer.weight for seed in (0, 0, 1))
    assert torch.equal(one, again)
    assert not torch.equal(one, other)


def test_checking_leaves_the_network_and_the_randomness_as_they_were():
    class Counting(Net):
        def __init__(self, outputs, channels=1):
            super().__init__(outputs, channels)
            self.norm = nn.BatchNorm1d(outputs)

        def forward(self, images):
            return self.norm(super().forward(images))

    before = torch.get_rng_state()
    network = built(Counting)
    assert torch.equal(before, torch.get_rng_state())
    assert network.trunk.norm.num_batches_tracked == 0
    assert network.trunk.layer.weight.grad is None
    assert network.training


def test_a_file_names_a_network(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    Path("nets.py").write_text(
        "from torch import nn\n"
        "def net(outputs):\n    return nn.Sequential(nn.Flatten(), nn.Linear(64, outputs))\n"
    )
    assert built("nets.py:net")(torch.rand(2, 1, 8, 8)).shape == (2, 3)
    assert card("nets.py:net").licence == "yours"


def test_a_backbone_of_ones_own_must_say_how_many_features_it_has():
    recipe = Recipe().changed({"model.backbone": trunk})
    _, features = build_trunk(recipe.model.backbone, pretrained=True, channels=1, size=8)
    assert features == 32
    whole = Recipe().changed({"model.backbone": lambda: Net(3, 1)}).model.backbone
    with pytest.raises(BrokenContractError, match="how many features"):
        build_trunk(whole, pretrained=True, channels=1, size=8)


class Tuple(Net):
    def forward(self, images):
        return super().forward(images), None


class Wide(Net):
    def __init__(self, outputs, channels=3, size=8):
        super().__init__(outputs + 1, channels, size)


class Labels(Net):
    def forward(self, images):
        return super().forward(images).argmax(1, keepdim=True).expand(-1, 3)


class Detached(Net):
    def forward(self, images):
        return super().forward(images).detach()


class Unreached(Net):
    """Only what the last layer's input gives has a gradient, which the parameters never see."""

    def forward(self, images):
        with torch.no_grad():
            answer = super().forward(images)
        return answer + images.requires_grad_().sum() * 0


class Frozen(Net):
    def __init__(self, outputs, channels=3, size=8):
        super().__init__(outputs, channels, size)
        self.requires_grad_(False)


class Infinite(Net):
    def forward(self, images):
        return super().forward(images) / 0


class Mixing(Net):
    def forward(self, images):
        answer = super().forward(images)
        return answer - answer.mean(0)


class Noisy(Net):
    def forward(self, images):
        return functional.dropout(super().forward(images), 0.5)


class Squeezed(Net):
    def forward(self, images):
        return super().forward(images).squeeze(0)


class Failing(Net):
    def forward(self, images):
        return self.layer(images)


class Uncopied(Net):
    def __deepcopy__(self, memo):
        message = "no copies of me"
        raise RuntimeError(message)


class Demanding(Net):
    def __init__(self, outputs, vocabulary):
        super().__init__(outputs)


def crashing(outputs):
    message = "not today\nnor tomorrow"
    raise ValueError(message)


@pytest.mark.parametrize(
    ("part", "words"),
    [
        (Tuple, "gives a tuple, not a tensor"),
        (Wide, r"into \(4, 4\); \(4, 3\) is needed"),
        (Labels, "floating point is needed"),
        (Detached, "has no gradient"),
        (Unreached, "No gradient reaches"),
        (Frozen, "no parameter that can be trained"),
        (Infinite, "infinite or undefined"),
        (Mixing, "depends on the other images"),
        (Noisy, "differently in eval mode"),
        (Squeezed, "depends on the other images"),
        (Failing, r"failed on images \(4, 1, 8, 8\) in train mode: RuntimeError"),
        (Uncopied, "cannot be copied: RuntimeError: no copies"),
        (Demanding, "wants 'vocabulary'"),
        (crashing, "failed when called with .outputs=3.: ValueError: not today"),
        (lambda: 3, "gives a int, not a network"),
        (lambda outputs: (Net(outputs, 1), "many"), "gives a tuple, not a network"),
    ],
)
def test_a_broken_promise_is_told_before_training(part, words):
    with pytest.raises(BrokenContractError, match=words) as caught:
        built(part)
    assert caught.value.hint
    assert "\n" not in str(caught.value)


def test_a_reference_to_nothing_is_told():
    with pytest.raises(UsageError, match="no file"):
        built("missing.py:Net")
