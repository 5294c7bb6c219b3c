import pytest

from phoropter.core.recipe import Recipe
from phoropter.models.preprocessing import preprocessing


def how(**changes):
    return Recipe().changed({key.replace("__", "."): value for key, value in changes.items()})


def test_the_weights_decide():
    found = preprocessing(how(model__name="resnet50"))
    assert found.normalization.mean == (0.485, 0.456, 0.406)
    assert found.normalization.std == (0.229, 0.224, 0.225)
    assert (found.interpolation, found.crop_share) == ("bicubic", 0.95)


@pytest.mark.parametrize("resize", ["stretch", "letterbox"])
def test_only_crops_crop(resize):
    assert preprocessing(how(data__resize=resize)).crop_share == 1.0


def test_grey_takes_the_mean_of_the_colours():
    found = preprocessing(how(model__name="resnet50", data__channels=1))
    assert found.normalization.mean == pytest.approx(((0.485 + 0.456 + 0.406) / 3,))


def test_none_leaves_pixels_between_0_and_1():
    found = preprocessing(how(data__normalize="none"))
    assert found.normalization.mean == (0.0,) * 3
    assert found.normalization.std == (1.0,) * 3


def test_the_data_decide_where_asked_to():
    recipe = how(data__normalize="data", data__channels=1)
    found = preprocessing(recipe, pixel_mean=[0.2], pixel_std=[0.0])
    assert found.normalization.mean == (0.2,)
    assert found.normalization.std == (1e-3,)
    with pytest.raises(ValueError, match="training pixels"):
        preprocessing(recipe)


def test_classic_models_see_what_their_backbone_wants():
    found = preprocessing(how(model__name="logistic", model__backbone="efficientnet_lite0"))
    assert (found.interpolation, found.crop_share) == ("bicubic", 0.875)
    assert preprocessing(how(model__name="logistic")).crop_share == 1.0
