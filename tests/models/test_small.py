import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from phoropter.core.errors import UsageError
from phoropter.core.recipe import ModelRecipe
from phoropter.models.small import cnn, mlp, pixels

ACTIVATIONS = {
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
}


@settings(max_examples=30, deadline=None)
@given(
    size=st.integers(4, 140),
    channels=st.sampled_from([1, 3]),
    depth=st.integers(1, 5),
    norm=st.sampled_from(["batch", "layer", "group", "instance", "none"]),
)
def test_any_size_and_depth_gives_what_it_says(size, channels, depth, norm):
    recipe = ModelRecipe(name="cnn", depth=depth, width=4, norm=norm)
    trunk, features = cnn(recipe, channels=channels, size=size)
    trunk.train()
    assert trunk(torch.rand(2, channels, size, size)).shape == (2, features)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_the_activation_is_the_one_asked_for(name):
    for build in (cnn, mlp):
        trunk, _ = build(ModelRecipe(activation=name, width=4, depth=2), channels=1, size=8)
        others = tuple(kind for kind in ACTIVATIONS.values() if kind is not ACTIVATIONS[name])
        kinds = [type(module) for module in trunk.modules()]
        assert ACTIVATIONS[name] in kinds
        assert not any(kind in others for kind in kinds)


@pytest.mark.parametrize("norm", ["batch", "layer", "group", "none"])
def test_mlp_has_the_depth_width_and_norm_asked_for(norm):
    recipe = ModelRecipe(name="mlp", depth=3, width=16, norm=norm)
    trunk, features = mlp(recipe, channels=3, size=5)
    linear = [module for module in trunk.modules() if isinstance(module, nn.Linear)]
    assert [(part.in_features, part.out_features) for part in linear] == [
        (75, 16),
        (16, 16),
        (16, 16),
    ]
    assert trunk(torch.rand(4, 3, 5, 5)).shape == (4, features)


def test_instance_norm_makes_no_sense_in_an_mlp():
    with pytest.raises(UsageError, match="instance"):
        mlp(ModelRecipe(norm="instance"), channels=1, size=8)


@pytest.mark.parametrize("init", ["xavier", "he", "orthogonal"])
def test_initialisations_have_their_textbook_spread(init):
    trunk, _ = mlp(ModelRecipe(init=init, width=400, depth=1, norm="none"), channels=1, size=20)
    linear = next(module for module in trunk.modules() if isinstance(module, nn.Linear))
    expected = {"xavier": (2 / 800) ** 0.5, "he": (2 / 400) ** 0.5, "orthogonal": 400**-0.5}[init]
    assert linear.weight.std().item() == pytest.approx(expected, rel=0.05)
    assert linear.bias.abs().max() == 0
    if init == "orthogonal":
        torch.testing.assert_close(
            linear.weight @ linear.weight.T, torch.eye(400), rtol=1e-4, atol=1e-4
        )


def test_large_images_stay_affordable():
    trunk, _ = cnn(ModelRecipe(width=4), channels=3, size=224)
    seen = []
    trunk.stages[0].register_forward_hook(lambda _m, _i, output: seen.append(output.shape[-1]))
    trunk(torch.rand(1, 3, 224, 224))
    assert seen == [56]


def test_position_survives_to_the_features():
    trunk, _ = cnn(ModelRecipe(width=8, norm="none"), channels=1, size=16)
    left = torch.zeros(1, 1, 16, 16)
    left[..., 4:12, 2:5] = 1
    assert not torch.allclose(trunk(left), trunk(left.flip(3)))


def test_pixels_are_flattened():
    trunk, features = pixels(ModelRecipe(), channels=1, size=3)
    image = torch.arange(9.0).view(1, 1, 3, 3)
    assert trunk(image).tolist() == [list(range(9))]
    assert features == 9
