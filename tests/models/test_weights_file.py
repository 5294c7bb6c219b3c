import os
import pickle

import pytest
import timm
import torch
from safetensors.torch import save_file

from phoropter.core.errors import InputError, UsageError
from phoropter.core.recipe import ModelRecipe, Recipe
from phoropter.core.records import TargetSchema
from phoropter.models.build import build, build_trunk
from phoropter.models.timm_zoo import timm_name
from phoropter.models.weights_file import read_state, weights_digest

CLASSES = TargetSchema("classes", ("a", "b"), counts=(1, 1))
SMALL = {"model.name": "cnn", "model.width": 4, "data.size": 12, "data.channels": 1}


class Malicious:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("suffix", ["safetensors", "pth", "pt"])
@pytest.mark.parametrize("nested", ["", "state_dict", "model"])
def test_a_file_gives_its_weights_whatever_it_is_wrapped_in(tmp_path, suffix, nested):
    state = {"layer.weight": torch.rand(3, 2), "layer.bias": torch.rand(3)}
    wrapped = {f"module._orig_mod.{name}": value for name, value in state.items()}
    path = tmp_path / f"weights.{suffix}"
    if suffix == "safetensors":
        save_file(wrapped, path)
    else:
        torch.save({nested: wrapped, "epoch": 3} if nested else wrapped, path)
    found = read_state(path)
    assert found.keys() == state.keys()
    assert all(torch.equal(found[name], state[name]) for name in state)


def test_no_code_of_the_file_runs(tmp_path):
    path, trace = tmp_path / "weights.pth", tmp_path / "ran"
    path.write_bytes(pickle.dumps({"weight": Malicious(trace)}))
    with pytest.raises(InputError):
        read_state(path)
    torch.save({"weight": torch.zeros(1), "else": Malicious(trace)}, path)
    with pytest.raises(InputError, match="run code"):
        read_state(path)
    assert not trace.exists()


@pytest.mark.parametrize("content", [b"", b"nonsense", b"PK\x03\x04broken", b"\x08" + b"\0" * 40])
@pytest.mark.parametrize("suffix", ["safetensors", "pth"])
def test_damaged_files_are_one_clear_line(tmp_path, content, suffix):
    path = tmp_path / f"weights.{suffix}"
    path.write_bytes(content)
    with pytest.raises(InputError, match=f"weights.{suffix}"):
        read_state(path)


def test_a_file_without_tensors_or_no_file_is_told(tmp_path):
    path = tmp_path / "list.pth"
    torch.save([1, 2], path)
    with pytest.raises(UsageError, match="list"):
        read_state(path)
    for ask in (read_state, weights_digest):
        with pytest.raises(InputError, match="no file"):
            ask(tmp_path / "missing.pth")


def test_a_network_of_ours_starts_from_the_trunk_of_another(tmp_path):
    """As a run or a bundle leaves it, for other classes; the head stays new."""
    old = build(Recipe().changed({**SMALL, "seed": 7}), TargetSchema("classes", tuple("xyz")))
    path = tmp_path / "best.safetensors"
    save_file(old.state_dict(), path)
    new = build(Recipe().changed({**SMALL, "model.weights": str(path)}), CLASSES)
    for name, value in old.trunk.state_dict().items():
        assert torch.equal(new.trunk.state_dict()[name], value)
    assert new.head.linear.out_features == 2


def test_filters_for_colours_are_summed_for_grey_images(tmp_path):
    like = ModelRecipe(width=4)
    colour, _ = build_trunk("cnn", pretrained=False, channels=3, size=12, like=like)
    path = tmp_path / "colour.pth"
    torch.save(colour.state_dict(), path)
    like = ModelRecipe(width=4, weights=str(path))
    grey, _ = build_trunk("cnn", pretrained=True, channels=1, size=12, like=like)
    images = torch.rand(2, 1, 12, 12)
    torch.testing.assert_close(grey(images), colour(images.expand(-1, 3, -1, -1)))


@pytest.mark.parametrize("changes", [{"model.width": 8}, {"model.depth": 4}])
def test_weights_of_another_shape_are_refused(tmp_path, changes):
    path = tmp_path / "weights.pth"
    torch.save(build(Recipe().changed(SMALL), CLASSES).state_dict(), path)
    recipe = Recipe().changed({**SMALL, **changes, "model.weights": str(path)})
    with pytest.raises(InputError, match="do not fit"):
        build(recipe, CLASSES)


@pytest.mark.parametrize("name", ["resnet18", "mobilenetv3_small_100"])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_network_of_timm_starts_from_a_file(tmp_path, name, channels):
    source = timm.create_model(timm_name(name), pretrained=False, num_classes=7)
    path = tmp_path / "weights.safetensors"
    save_file(source.state_dict(), path)
    like = ModelRecipe(weights=str(path))
    trunk, _ = build_trunk(name, pretrained=True, channels=channels, size=64, like=like)
    given = source.state_dict()
    for key, value in trunk.state_dict().items():
        wanted = given[key]
        if value.ndim == 4 and wanted.shape[1] != value.shape[1]:
            wanted = wanted.sum(dim=1, keepdim=True)
        torch.testing.assert_close(value, wanted)


@pytest.mark.parametrize("name", ["resnet18", "inception_v3"])
def test_weights_of_something_else_are_not_taken_for_those_of_timm(tmp_path, name):
    path = tmp_path / "weights.pth"
    torch.save({"conv.weight": torch.zeros(1)}, path)
    like = ModelRecipe(weights=str(path))
    with pytest.raises(InputError, match="do not fit") as caught:
        build_trunk(name, pretrained=True, channels=3, size=96, like=like)
    assert "\n" not in str(caught.value)


def test_weights_beside_a_random_start_make_no_sense():
    with pytest.raises(UsageError, match="random weights"):
        Recipe().changed({"model.weights": "x.pth", "model.pretrained": False})
