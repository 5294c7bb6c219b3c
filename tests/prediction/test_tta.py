import pytest
import torch
from torch.nn import functional

from phoropter.prediction.tta import averaged, view

IMAGES = torch.rand(2, 3, 20, 20, generator=torch.Generator().manual_seed(0))


def test_one_view_is_the_network_itself():
    assert torch.equal(averaged(lambda x: x, IMAGES, tta=1), IMAGES)


@pytest.mark.parametrize("tta", [2, 3, 4, 5])
def test_the_mean_of_the_first_views(tta):
    expected = torch.stack([view(IMAGES, index).square() for index in range(tta)]).mean(dim=0)
    torch.testing.assert_close(averaged(torch.square, IMAGES, tta=tta), expected)


def test_views_are_five_different_ones_of_the_same_size():
    views = [view(IMAGES, index) for index in range(5)]
    assert {found.shape for found in views} == {IMAGES.shape}
    for index, found in enumerate(views):
        assert all(not torch.allclose(found, other) for other in views[:index])


def test_a_closer_view_is_the_middle_enlarged():
    expected = functional.interpolate(IMAGES[..., 1:19, 1:19], size=20, mode="bilinear")
    torch.testing.assert_close(view(IMAGES, 2), expected)
    torch.testing.assert_close(view(IMAGES, 3), expected.flip(3))
