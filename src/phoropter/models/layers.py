"""What our own small networks are made of, as the recipe's fields say."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from phoropter.core.errors import UsageError
from phoropter.core.recipe import ModelRecipe

_SLOPE = 0.1
_ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "leaky_relu": lambda: nn.LeakyReLU(_SLOPE),
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
}

# What keeps the second moment of a signal through activation f: 1 / sqrt(E[f(z)^2]), z standard
# normal (He et al. 2015, whose factor for relu it is). tanh and sigmoid have torch's customary
# values, for they are meant to work near zero, not at the spread of a standard normal.
GAINS = {
    "relu": math.sqrt(2.0),
    "leaky_relu": math.sqrt(2.0 / (1 + _SLOPE**2)),
    "gelu": 1.5335,
    "silu": 1.6766,
    "tanh": 5 / 3,
    "sigmoid": 1.0,
}
_MOST_GROUPS = 8
_PROBED = 16


def activation(recipe: ModelRecipe) -> nn.Module:
    """The recipe's activation, a module of its own."""
    return _ACTIVATIONS[recipe.activation]()


def map_norm(recipe: ModelRecipe, channels: int) -> list[nn.Module]:
    """The recipe's normalisation of maps (n, channels, h, w), or nothing."""
    if recipe.norm == "batch":
        return [nn.BatchNorm2d(channels)]
    if recipe.norm == "layer":
        return [nn.GroupNorm(1, channels)]
    if recipe.norm == "group":
        return [nn.GroupNorm(math.gcd(channels, _MOST_GROUPS), channels)]
    if recipe.norm == "instance":
        return [nn.InstanceNorm2d(channels, affine=True)]
    return []


def vector_norm(recipe: ModelRecipe, units: int) -> list[nn.Module]:
    """The recipe's normalisation of vectors (n, units), or nothing.

    Raises:
        UsageError: If it makes no sense for vectors.
    """
    if recipe.norm == "batch":
        return [nn.BatchNorm1d(units)]
    if units == 1 and recipe.norm in {"layer", "group"}:
        raise UsageError(
            f"model.norm {recipe.norm!r} makes zero of every input where model.width is 1.",
            hint="Use more width, or model.norm=batch or none.",
        )
    if recipe.norm == "layer":
        return [nn.LayerNorm(units)]
    if recipe.norm == "group":
        # A group of one unit would be zero whatever comes in.
        return [nn.GroupNorm(math.gcd(units, min(_MOST_GROUPS, max(units // 2, 1))), units)]
    if recipe.norm == "instance":
        raise UsageError(
            "model.norm 'instance' averages over positions, and an mlp has none.",
            hint="Use batch, layer, group or none, or model.name=cnn.",
        )
    return []


def initialise(module: nn.Module, recipe: ModelRecipe) -> None:
    """Draws every weight anew as `recipe.init` says; "default" leaves torch's own draw.

    xavier: uniform, variance gain^2 * 2 / (inputs + outputs) (Glorot & Bengio 2010); he: normal,
    variance gain^2 / inputs (He et al. 2015); orthogonal: times the gain (Saxe et al. 2014). The
    gain is that of the recipe's activation.
    """
    if recipe.init == "default":
        return
    gain = GAINS[recipe.activation]
    for part in module.modules():
        if not isinstance(part, nn.Conv2d | nn.Linear):
            continue
        if recipe.init == "xavier":
            nn.init.xavier_uniform_(part.weight, gain)
        elif recipe.init == "he":
            fan_in = part.weight[0].numel()
            nn.init.normal_(part.weight, std=gain / math.sqrt(fan_in))
        else:
            nn.init.orthogonal_(part.weight, gain)
        if part.bias is not None:
            nn.init.zeros_(part.bias)


@torch.no_grad()
def check_alive(trunk: nn.Module, recipe: ModelRecipe, inputs: Tensor) -> None:
    """Refuses a network of which no input reaches the features, so that nothing can be learnt.

    Refused is only what is dead to the last digit of float32: networks through which little comes
    are for the diagnosis to tell, with what to do about it.

    Args:
        trunk: As initialised, in train mode; running statistics are left as they were.
        recipe: To be named.
        inputs: Shape of one normalised image, (c, h, w); only its shape counts.

    Raises:
        UsageError: If the features of different images are the same.
    """
    state = {name: value.clone() for name, value in trunk.named_buffers()}
    # A generator of its own: the draws of the weights that follow must not depend on this check.
    draws = torch.Generator().manual_seed(0)
    features = trunk(torch.randn(_PROBED, *inputs.shape, generator=draws))
    for name, value in trunk.named_buffers():
        value.copy_(state[name])
    spread = features.std(dim=0).mean()
    if spread > torch.finfo(features.dtype).eps * features.abs().mean():
        return
    raise UsageError(
        f"A {recipe.name!r} with model.depth={recipe.depth}, model.width={recipe.width}, "
        f"model.activation={recipe.activation!r}, model.norm={recipe.norm!r} and "
        f"model.init={recipe.init!r} cannot learn: whatever the image, its features are the same.",
        hint="Use model.norm=batch, model.activation=relu or gelu, fewer layers or more width.",
    )
