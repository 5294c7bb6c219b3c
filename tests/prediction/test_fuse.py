import pytest
import torch
from torch import nn
from torch.nn import functional

from phoropter.models.build import build_trunk
from phoropter.prediction.fuse import fused

IMAGE = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))


def lived_in(network):
    """Gives batch normalisations statistics that are not trivial."""
    generator = torch.Generator().manual_seed(1)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.2, generator=generator)
            module.running_var.uniform_(0.5, 2, generator=generator)
            module.weight.data.uniform_(0.5, 2, generator=generator)
            module.bias.data.normal_(0, 0.2, generator=generator)
    return network.eval()


def norms(network):
    return sum(isinstance(module, nn.BatchNorm2d) for module in network.modules())


def answer(network, images=IMAGE):
    with torch.inference_mode():
        return network(images)


@pytest.mark.parametrize(
    "name", ["efficientnet_lite0", "cnn", "resnet18", "efficientnet_b0", "mobilenetv3_small_100"]
)
def test_every_normalisation_is_folded_and_the_answer_stays(name):
    trunk, _ = build_trunk(name, pretrained=False, channels=3, size=32)
    lived_in(trunk)
    quick = fused(trunk, IMAGE)
    assert norms(trunk) > 0
    assert norms(quick) == 0
    images = torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(2))
    expected = answer(trunk, images)
    torch.testing.assert_close(
        answer(quick, images), expected, rtol=1e-4, atol=1e-4 * float(expected.abs().max())
    )


def test_a_network_without_normalisation_is_copied():
    trunk, _ = build_trunk("vit_small_patch16_224", pretrained=False, channels=3, size=32)
    quick = fused(trunk, IMAGE)
    assert quick is not trunk
    assert torch.equal(answer(quick), answer(trunk))


class Shared(nn.Module):
    """One convolution used twice, once without its normalisation."""

    def __init__(self):
        super().__init__()
        self.convolution = nn.Conv2d(3, 3, 3, padding=1)
        self.norm = nn.BatchNorm2d(3)

    def forward(self, images):
        return self.convolution(functional.relu(self.norm(self.convolution(images))))


class Peeking(nn.Module):
    """A convolution whose plain output is used beside the normalised one."""

    def __init__(self):
        super().__init__()
        self.convolution = nn.Conv2d(3, 3, 3, padding=1)
        self.norm = nn.BatchNorm2d(3)

    def forward(self, images):
        maps = self.convolution(images)
        return self.norm(maps) + maps


@pytest.mark.parametrize("kind", [Shared, Peeking])
def test_what_cannot_be_folded_is_left_alone(kind):
    network = lived_in(kind())
    quick = fused(network, IMAGE)
    assert norms(quick) == 1
    assert torch.equal(answer(quick), answer(network))


def test_the_network_handed_in_is_left_alone():
    network = lived_in(nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))).train()
    before = {key: value.clone() for key, value in network.state_dict().items()}
    fused(network, IMAGE)
    assert network.training
    assert not any(module._forward_hooks for module in network.modules())
    assert all(torch.equal(before[key], value) for key, value in network.state_dict().items())
