import pytest
import torch
from torch import nn

from phoropter.models.efficientnet_lite import FEATURE_COUNT, EfficientNetLite0


@pytest.fixture(scope="module")
def pair():
    """Ours and timm's, with the same weights and with batch statistics that are not trivial."""
    timm = pytest.importorskip("timm")
    theirs = timm.create_model("tf_efficientnet_lite0", pretrained=False, num_classes=0).eval()
    generator = torch.Generator().manual_seed(0)
    for module in theirs.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1, generator=generator)
            module.running_var.uniform_(0.5, 1.5, generator=generator)
    ours = EfficientNetLite0().eval()
    ours.load_state_dict(theirs.state_dict(), strict=True)
    return ours, theirs


@pytest.mark.parametrize("size", [33, 64, 97, 128])
def test_equals_timm_with_same_padding(pair, size):
    ours, theirs = pair
    images = torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(size))
    with torch.inference_mode():
        torch.testing.assert_close(ours(images), theirs(images), rtol=1e-5, atol=1e-5)


def test_differs_from_the_symmetrically_padded_one(pair):
    timm = pytest.importorskip("timm")
    ours, _ = pair
    trap = timm.create_model("efficientnet_lite0", pretrained=False, num_classes=0).eval()
    trap.load_state_dict(ours.state_dict(), strict=True)  # every key matches: the trap
    images = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        assert (ours(images) - trap(images)).abs().max() > 1e-2


def test_trains_and_takes_other_channels():
    trunk = EfficientNetLite0(channels=1).train()
    features = trunk(torch.rand(2, 1, 32, 32))
    features.sum().backward()
    assert features.shape == (2, FEATURE_COUNT)
    assert all(parameter.grad is not None for parameter in trunk.parameters())
