import pytest

from phoropter.core import registry
from phoropter.core.errors import UsageError
from phoropter.models.catalog import card, cards, is_classic, offline_weights_installed

WANTED = {
    "vgg16",
    "vgg19",
    "resnet18",
    "resnet34",
    "resnet50",
    "resnet101",
    "resnet152",
    "seresnet50",
    "seresnext101_32x4d",
    "inception_v3",
    "inception_v4",
    "xception",
    "efficientnet_b0",
    "efficientnet_b1",
    "efficientnet_b2",
    "efficientnet_b3",
    "efficientnet_b4",
    "efficientnet_lite0",
    "mobilenetv1_100",
    "mobilenetv3_small_100",
    "convnext_tiny",
    "vit_small",
    "xception_small",
    "cnn",
    "mlp",
    "majority",
    "logistic",
    "knn",
    "random_forest",
    "mean",
    "ridge",
}


def test_every_promised_model_is_listed_once_and_sorted():
    names = [item.name for item in cards()]
    assert names == sorted(set(names))
    assert set(names) >= WANTED


def test_every_registered_model_is_listed_as_what_it_is():
    for group, family in (("phoropter.models", "network"), ("phoropter.classics", "classic")):
        for name in registry.names(group):
            assert card(name).family == family
            assert is_classic(name) == (family == "classic")


def test_a_task_filters():
    assert "mean" not in {item.name for item in cards("classification")}
    assert "logistic" not in {item.name for item in cards("regression")}
    assert "resnet18" in {item.name for item in cards("regression")}


def test_an_unknown_name_leads_to_the_nearest():
    with pytest.raises(UsageError, match="Did you mean 'resnet18'"):
        card("resnet81x")


def test_pretrained_cards_are_complete():
    for item in cards():
        if item.weights:
            assert item.input_px >= 224
            assert len(item.mean) == len(item.std) == 3
            assert item.parameters > 1_000_000
            assert item.licence in {"Apache-2.0", "BSD-3-Clause"}
            assert 0.8 < item.crop <= 1


def test_whether_the_offline_weights_are_here_is_known_without_loading_them():
    assert isinstance(offline_weights_installed(), bool)
