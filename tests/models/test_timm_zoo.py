import json
import warnings

import pytest
import torch
from safetensors.torch import save_file
from torch.utils.flop_counter import FlopCounterMode

from phoropter.core.errors import UsageError
from phoropter.core.recipe import ModelRecipe
from phoropter.models import timm_zoo
from phoropter.models.build import build_trunk
from phoropter.models.catalog import card, cards
from phoropter.models.timm_zoo import WeightsUnavailableError, timm_name, timm_trunk
from phoropter.models.zoo_table import ZOO

timm = pytest.importorskip("timm")

LICENCES = {"Apache-2.0": "apache-2.0", "BSD-3-Clause": "bsd-3-clause"}


@pytest.mark.parametrize("name", ZOO)
def test_the_table_says_what_timm_says(name):
    row = ZOO[name]
    config = timm.get_pretrained_cfg(row.timm)
    assert config is not None
    assert config.has_weights
    assert config.input_size == (3, row.input_px, row.input_px)
    assert config.crop_pct == row.crop
    assert config.interpolation == row.interpolation
    assert config.mean == row.mean
    assert config.std == row.std
    assert config.license == LICENCES[row.licence]


@pytest.mark.parametrize("name", ["vgg16", "resnet18", "xception", "mobilenetv3_small_100"])
def test_the_table_counts_parameters_and_the_trunk_its_features(name):
    recipe = ModelRecipe(name=name, pretrained=False)
    with torch.device("meta"):
        trunk, features = timm_trunk(recipe, channels=3, size=96)
        assert trunk.eval()(torch.zeros(2, 3, 96, 96)).shape == (2, features)
        whole = timm.create_model(timm_name(name), pretrained=False)
    assert sum(p.numel() for p in whole.parameters()) == card(name).parameters


def test_lite0_is_described_as_timm_does():
    config = timm.get_pretrained_cfg("tf_efficientnet_lite0")
    ours = card("efficientnet_lite0")
    assert (ours.input_px, ours.crop, ours.interpolation) == (
        config.input_size[-1],
        config.crop_pct,
        config.interpolation,
    )
    assert (ours.mean, ours.std) == (config.mean, config.std)


def test_a_transformer_is_built_for_the_size_asked_for():
    recipe = ModelRecipe(name="vit_small", pretrained=False)
    with torch.device("meta"):
        trunk, features = timm_trunk(recipe, channels=1, size=64)
        assert trunk(torch.zeros(1, 1, 64, 64)).shape == (1, features)


def test_a_name_beyond_the_list_is_taken_from_timm():
    found = card("resnet10t")
    assert found.weights == "hub"
    assert found.name not in {item.name for item in cards()}


def _built_and_used(recipe, size):
    trunk, _ = timm_trunk(recipe, channels=3, size=size)
    trunk(torch.zeros(2, 3, size, size))


@pytest.mark.parametrize("name", [name for name, row in ZOO.items() if row.least_px])
def test_the_smallest_size_is_the_smallest(name, monkeypatch):
    least = ZOO[name].least_px
    recipe = ModelRecipe(name=name, pretrained=False)
    with pytest.raises(UsageError, match=f"at least {least} px, got data.size={least - 1}"):
        timm_trunk(recipe, channels=3, size=least - 1)
    with torch.device("meta"):
        trunk, features = timm_trunk(recipe, channels=3, size=least)
        assert trunk(torch.zeros(2, 3, least, least)).shape == (2, features)
    monkeypatch.setitem(ZOO, name, ZOO[name]._replace(least_px=0))
    with torch.device("meta"), pytest.raises((RuntimeError, UsageError)):
        _built_and_used(recipe, least - 1)


def test_a_size_that_a_name_beyond_the_list_cannot_take_is_one_line():
    recipe = ModelRecipe(name="convnext_atto", pretrained=False)
    with pytest.raises(UsageError, match="cannot take images of 20 px") as caught:
        timm_trunk(recipe, channels=3, size=20)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["mobilenetv3_small_100", "resnet18", "vit_small"])
def test_the_table_counts_multiplications(name):
    row = ZOO[name]
    with torch.device("meta"):
        trunk, features = timm_trunk(
            ModelRecipe(name=name, pretrained=False), channels=3, size=row.input_px
        )
        whole = torch.nn.Sequential(trunk, torch.nn.Linear(features, 1000)).eval()
        with FlopCounterMode(display=False) as counter:
            whole(torch.zeros(1, 3, row.input_px, row.input_px))
    assert counter.get_total_flops() == 2 * row.macs


@pytest.mark.parametrize("name", ["cnn", "mlp", "pixels", "xception_small", "efficientnet_lite0"])
def test_the_figures_of_our_own_networks_are_counted(name):
    ours = card(name)
    size = ours.input_px or 32
    trunk, features = build_trunk(name, pretrained=False, channels=3, size=size)
    whole = torch.nn.Sequential(trunk, torch.nn.Linear(features, 1000)).eval()
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        whole(torch.zeros(1, 3, size, size))
    assert counter.get_total_flops() == 2 * ours.macs
    assert sum(parameter.numel() for parameter in whole.parameters()) == ours.parameters


def test_renamed_models_are_found_without_a_warning():
    with warnings.catch_warnings(), torch.device("meta"):
        warnings.simplefilter("error")
        timm_trunk(ModelRecipe(name="xception", pretrained=False), channels=3, size=96)


@pytest.mark.parametrize("name", ["resnet18", "vit_small"])
def test_unreachable_weights_are_an_error_with_ways_out(name, monkeypatch):
    monkeypatch.setattr(timm_zoo, "_answers", lambda _address: False)
    with pytest.raises(WeightsUnavailableError, match="cannot be downloaded") as caught:
        timm_trunk(ModelRecipe(name=name), channels=3, size=64)
    assert caught.value.exit_code == 2
    for way in ("HF_HOME", "model.weights=FILE", "efficientnet_lite0", "model.pretrained=false"):
        assert way in caught.value.hint


def test_a_model_without_weights_says_so():
    name = next(
        name
        for name in timm.list_models("resnet*")
        if not timm.get_pretrained_cfg(name).has_weights
    )
    with pytest.raises(WeightsUnavailableError, match="no pretrained weights"):
        timm_trunk(ModelRecipe(name=name), channels=3, size=64)


def test_an_impossible_input_is_one_line():
    recipe = ModelRecipe(name="vit_small_patch16_224", pretrained=False)
    with pytest.raises(UsageError, match="timm cannot build") as caught:
        timm_trunk(recipe, channels=3, size=-3)
    assert "\n" not in str(caught.value)


def test_weights_in_the_cache_need_no_network(tmp_path, monkeypatch):
    """The layout of the hub's cache, made by hand: refs name a revision, snapshots hold it."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    name = "mobilenetv3_small_100"
    source = timm.create_model(timm_name(name), pretrained=False)
    repository = tmp_path / f"models--timm--{timm_name(name)}"
    snapshot = repository / "snapshots" / "abc"
    snapshot.mkdir(parents=True)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("abc")
    (snapshot / "config.json").write_text(json.dumps({}))
    save_file(source.state_dict(), snapshot / "model.safetensors")
    trunk, _ = timm_trunk(ModelRecipe(name=name), channels=3, size=64)
    for key, value in trunk.state_dict().items():
        torch.testing.assert_close(value, source.state_dict()[key])


def test_only_web_addresses_are_knocked_at():
    assert not timm_zoo._answers("file:///etc/passwd")
