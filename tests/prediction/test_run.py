import numpy as np
import pytest
import torch
from torch import nn

from phoropter.core.records import Normalization
from phoropter.data.memory import MemoryInputs
from phoropter.models.build import build_trunk
from phoropter.prediction.run import outputs, prepared

CPU = torch.device("cpu")
NORMAL = Normalization((0.2, 0.4, 0.6), (0.5, 0.6, 0.7))


class Images:
    """uint8 images in memory, which count the rows they were asked for."""

    def __init__(self, count, side=16):
        rng = np.random.default_rng(0)
        self.pixels = rng.integers(0, 256, (count, 3, side, side), dtype=np.uint8)
        self.largest = 0

    def __len__(self):
        return len(self.pixels)

    def batch(self, rows):
        self.largest = max(self.largest, len(rows))
        return torch.from_numpy(self.pixels[rows])


def plain(network, pixels):
    mean, std = (np.array(part).reshape(1, 3, 1, 1) for part in (NORMAL.mean, NORMAL.std))
    images = torch.from_numpy(((pixels / 255 - mean) / std).astype(np.float32))
    with torch.inference_mode():
        return network.eval()(images).numpy()


@pytest.fixture(scope="module")
def network():
    trunk, features = build_trunk("cnn", pretrained=False, channels=3, size=16)
    return nn.Sequential(trunk, nn.Dropout(0.5), nn.Linear(features, 3))


@pytest.mark.parametrize("batch_size", [None, 1, 7])
def test_equals_the_plain_network_in_the_order_asked_for(network, batch_size):
    images = Images(40)
    rows = np.array([3, 39, 0, 17, 17, 5, 8, 1, 2])
    found = outputs(network, images, rows, normalization=NORMAL, batch_size=batch_size)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, plain(network, images.pixels[rows]), atol=1e-5)


def test_much_work_is_folded_and_still_equal():
    trunk, _ = build_trunk("cnn", pretrained=False, channels=3, size=128)
    images = Images(320, side=128)
    found = outputs(trunk, images, np.arange(320), normalization=NORMAL)
    assert images.largest < 320
    np.testing.assert_allclose(found[:8], plain(trunk, images.pixels[:8]), atol=1e-4)


def test_several_threads_keep_the_order_and_give_the_threads_back(network):
    before = torch.get_num_threads()
    images = Images(50)
    torch.set_num_threads(3)
    try:
        found = outputs(network, images, np.arange(50), normalization=NORMAL, batch_size=2)
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)
    np.testing.assert_allclose(found, plain(network, images.pixels), atol=1e-5)


def test_an_error_in_a_batch_comes_through_and_gives_the_threads_back(network):
    class Broken(Images):
        def batch(self, rows):
            if 30 in rows:
                raise OSError("gone")
            return super().batch(rows)

    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with pytest.raises(OSError, match="gone"):
            outputs(network, Broken(50), np.arange(50), normalization=NORMAL, batch_size=2)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_the_mode_is_given_back(network):
    network.train()
    outputs(network, Images(4), np.arange(4), normalization=NORMAL)
    assert network.training
    network.eval()
    outputs(network, Images(4), np.arange(4), normalization=NORMAL)
    assert not network.training


def test_features_are_passed_on_as_they_are():
    features = np.random.default_rng(0).normal(size=(20, 6)).astype(np.float32)
    head = nn.Linear(6, 2)
    found = outputs(head, MemoryInputs(features), np.arange(20), normalization=None, tta=2)
    with torch.inference_mode():
        expected = head(torch.from_numpy(features)).numpy()
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_nothing_asked_for_is_nothing(network):
    assert len(outputs(network, Images(3), np.arange(0), normalization=NORMAL)) == 0


def test_without_statistics_pixels_lie_between_0_and_1():
    pixels = torch.tensor([0, 255], dtype=torch.uint8).view(1, 1, 1, 2)
    assert prepared(pixels, None, CPU).flatten().tolist() == [0.0, 1.0]


def test_views_are_averaged(network):
    images = Images(6)
    found = outputs(network, images, np.arange(6), normalization=NORMAL, tta=2)
    both = plain(network, images.pixels) + plain(network, images.pixels[..., ::-1].copy())
    np.testing.assert_allclose(found, both / 2, atol=1e-5)
