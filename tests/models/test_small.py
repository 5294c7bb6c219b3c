import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from torch import nn

from phoropter.core.errors import UsageError
from phoropter.core.recipe import ModelRecipe
from phoropter.models.layers import GAINS, vector_norm
from phoropter.models.small import cnn, mlp, pixels
from phoropter.models.xception_small import xception_small

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
    build=st.sampled_from([cnn, xception_small]),
)
def test_any_size_and_depth_gives_what_it_says(size, channels, depth, norm, build):
    recipe = ModelRecipe(depth=depth, width=4, norm=norm, init="he")
    trunk, features = build(recipe, channels=channels, size=size)
    trunk.train()
    assert trunk(torch.rand(2, channels, size, size)).shape == (2, features)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_the_activation_is_the_one_asked_for(name):
    for build in (cnn, mlp, xception_small):
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


@pytest.mark.parametrize("activation", ["relu", "leaky_relu", "tanh", "sigmoid"])
@pytest.mark.parametrize("init", ["xavier", "he", "orthogonal"])
def test_initialisations_have_their_textbook_spread(init, activation):
    recipe = ModelRecipe(init=init, activation=activation, width=400, depth=1, norm="none")
    trunk, _ = mlp(recipe, channels=1, size=25)
    linear = next(module for module in trunk.modules() if isinstance(module, nn.Linear))
    gain = nn.init.calculate_gain(activation, 0.1 if activation == "leaky_relu" else None)
    spread = {"xavier": (2 / (625 + 400)) ** 0.5, "he": 625**-0.5, "orthogonal": 625**-0.5}[init]
    assert linear.weight.std().item() == pytest.approx(gain * spread, rel=0.02)
    assert linear.bias.abs().max() == 0
    if init == "orthogonal":
        product = linear.weight @ linear.weight.T
        torch.testing.assert_close(product, gain**2 * torch.eye(400), rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("name", ["relu", "leaky_relu", "gelu", "silu"])
def test_gains_keep_the_second_moment(name):
    """E[f(z)^2] of a standard normal z by quadrature, as He et al. derive it for relu."""
    function = ACTIVATIONS[name](0.1) if name == "leaky_relu" else ACTIVATIONS[name]()

    def weighted(z):
        value = float(function(torch.tensor(z, dtype=torch.float64)))
        return value**2 * math.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)

    moment, _ = quad(weighted, -12, 12, points=[0.0])
    assert pytest.approx(moment**-0.5, rel=1e-4) == GAINS[name]


@pytest.mark.parametrize("build", [cnn, mlp, xception_small])
@pytest.mark.parametrize("activation", ["relu", "gelu"])
def test_he_brings_a_signal_through_eight_layers_without_normalisation(build, activation):
    recipe = ModelRecipe(init="he", norm="none", activation=activation, depth=8, width=8)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        trunk, _ = build(recipe, channels=1, size=16)
        features = trunk(torch.randn(32, 1, 16, 16))
    assert features.std(dim=0).mean() > 1e-3


@pytest.mark.parametrize(
    ("build", "fields"),
    [
        (mlp, {"activation": "sigmoid", "norm": "none", "depth": 12}),
        (cnn, {"activation": "sigmoid", "norm": "none", "depth": 6, "width": 8}),
    ],
)
def test_networks_that_are_dead_on_arrival_are_refused(build, fields):
    with pytest.raises(UsageError, match="cannot learn") as caught:
        build(ModelRecipe(**fields), channels=1, size=16)
    for name, value in fields.items():
        assert f"model.{name}={value!r}" in caught.value.message


@pytest.mark.parametrize("norm", ["layer", "group"])
def test_a_single_unit_cannot_be_normalised_among_its_like(norm):
    with pytest.raises(UsageError, match="zero of every input"):
        mlp(ModelRecipe(norm=norm, width=1), channels=1, size=16)


def test_networks_through_which_little_comes_are_left_to_the_diagnosis():
    recipe = ModelRecipe(activation="sigmoid", norm="none", depth=6, width=32)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        mlp(recipe, channels=1, size=16)


@given(width=st.integers(2, 40))
def test_no_group_of_a_vector_norm_has_a_single_unit(width):
    [norm] = vector_norm(ModelRecipe(norm="group"), width)
    assert width // norm.num_groups >= 2


def test_the_check_for_life_leaves_no_trace():
    trunk, _ = cnn(ModelRecipe(width=4), channels=1, size=8)
    norms = [part for part in trunk.modules() if isinstance(part, nn.BatchNorm2d)]
    for norm in norms:
        assert norm.num_batches_tracked == 0
        assert norm.running_mean.abs().max() == 0


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
