import numpy as np
import pytest
import torch
from torch import nn

from phoropter.core.recipe import Recipe
from phoropter.core.records import TargetSchema
from phoropter.models.build import build
from phoropter.models.classic import fit_classic
from phoropter.models.network import Network
from phoropter.prediction.activation_map import activation_maps


class Pooled(nn.Module):
    """Feature maps, their means, a linear layer: the class activation map is known."""

    def __init__(self) -> None:
        super().__init__()
        self.maps = nn.Conv2d(3, 5, 3, padding=1)
        self.linear = nn.Linear(5, 4)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.linear(self.maps(images).mean(dim=(2, 3)))


@pytest.fixture
def images():
    return torch.randn(6, 3, 12, 10, generator=torch.Generator().manual_seed(0))


def test_with_global_pooling_it_is_the_class_activation_map(images):
    """Zhou et al. (2016): M_c = sum over k of w_ck A_k; Grad-CAM is its positive part over h w."""
    network = Pooled().train()
    outputs = np.array([0, 1, 2, 3, 0, 1])
    found = activation_maps(network, images, outputs)
    with torch.no_grad():
        weights = network.linear.weight[outputs]
        known = torch.einsum("nk,nkhw->nhw", weights, network.maps(images))
    np.testing.assert_allclose(found, known.clamp_min(0).numpy() / 120, atol=1e-6)
    assert (found > 0).any()
    assert network.training
    assert all(parameter.grad is None for parameter in network.parameters())


def test_a_blob_that_decides_is_where_the_network_looks():
    """One feature map that is the brightness, and an answer that is its mean."""
    network = Pooled()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
        network.maps.weight[0, :, 1, 1] = 1.0
        network.linear.weight[2, 0] = 1.0
    images = torch.zeros(1, 3, 8, 8)
    images[0, :, 5, 2] = 1.0
    (found,) = activation_maps(network, images, np.array([2]))
    assert np.unravel_index(found.argmax(), found.shape) == (5, 2)
    assert (found > 0).sum() == 1
    (other,) = activation_maps(network, images, np.array([1]))
    assert not other.any()


def test_frozen_trunks_are_explained_in_the_size_of_the_image():
    recipe = Recipe().changed(
        {"model.name": "cnn", "model.pretrained": False, "data.size": 32, "model.width": 8}
    )
    network = build(recipe, TargetSchema("classes", ("a", "b"), counts=(1, 1)))
    for parameter in network.trunk.parameters():
        parameter.requires_grad_(requires_grad=False)
    found = activation_maps(network, torch.randn(2, 3, 32, 32), np.array([0, 1]))
    assert found.shape == (2, 32, 32)
    assert np.isfinite(found).all()
    assert (found >= 0).all()


def test_what_has_no_maps_or_no_slope_is_not_explained(images):
    flat = nn.Sequential(nn.Flatten(), nn.Linear(360, 2))
    assert activation_maps(flat, images, np.zeros(6, dtype=np.int64)) is None
    features = np.random.default_rng(0).normal(size=(40, 5)).astype(np.float32)
    schema = TargetSchema("classes", ("a", "b"), counts=(20, 20))
    forest = fit_classic("random_forest", features, np.arange(40) % 2, schema=schema, seed=0)
    trunk = nn.Sequential(nn.Conv2d(3, 5, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    network = Network(trunk, forest, 5)
    assert activation_maps(network, images, np.zeros(6, dtype=np.int64)) is None
