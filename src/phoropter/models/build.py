"""From a recipe to a network, reproducibly."""

from __future__ import annotations

import math

import torch
from torch import nn

from phoropter.core import registry
from phoropter.core.errors import BrokenContractError, UsageError
from phoropter.core.recipe import ModelRecipe, Recipe
from phoropter.core.records import TargetSchema
from phoropter.core.references import is_reference
from phoropter.core.seed import derive
from phoropter.models import catalog
from phoropter.models.network import LinearHead, Network, TrunkBuilder
from phoropter.models.own import check_network, own_trunk
from phoropter.models.weights_file import load_into

# Small enough that the loss before training is that of the base rates (Karpathy 2019, "verify loss
# at init"), large enough that the trunk has a gradient in the first step.
_HEAD_STD = 0.01
_GROUP = "phoropter.models"

_OF_COLUMNS = ("mlp", "pixels")


def build(recipe: Recipe, schema: TargetSchema, *, columns: int = 0) -> Network:
    """The recipe's network, in train mode; its weights depend on `recipe.seed` alone.

    The head's bias starts at the log of the base rates for classes and at zero (the mean) for
    values, so that the first steps need not learn them (Karpathy 2019, "init well").

    >>> recipe = Recipe().changed({"model.name": "cnn", "data.size": 8, "data.channels": 1})
    >>> schema = TargetSchema("classes", ("a", "b"), counts=(30, 10))
    >>> build(recipe, schema).head.linear.bias.exp().tolist()
    [0.75, 0.25]

    Args:
        recipe: Names the model and shapes it.
        schema: What it must put out.
        columns: Numbers of a sample that is a row of a table; 0 for images.

    Raises:
        UsageError: If the model is unknown, classic, or does not fit the input.
        MissingExtraError: If its weights come in a package that is not installed.
    """
    if catalog.is_classic(recipe.model.name):
        raise UsageError(
            f"The model {recipe.model.name!r} is fitted, not trained, and has no network.",
            hint="Choose a network (see: phoropter models).",
        )
    if columns and recipe.model.name not in _OF_COLUMNS:
        raise UsageError(
            f"The model {recipe.model.name!r} is one for images, and the data are a table.",
            hint=f"Choose one of: {', '.join(_OF_COLUMNS)}, or a classic model.",
        )
    with torch.random.fork_rng(devices=[]):
        # torch's initialisers know no generator but the global one.
        torch.default_generator.manual_seed(derive(recipe.seed, "weights"))
        channels, size = (columns, 1) if columns else (recipe.data.channels, recipe.data.size)
        trunk, feature_count = _trunk(
            recipe.model, channels=channels, size=size, outputs=schema.outputs
        )
        if feature_count is None:  # a whole network of the user's
            network = Network(trunk, nn.Identity(), schema.outputs)
        else:
            head = LinearHead(feature_count, schema.outputs, dropout=recipe.model.dropout)
            _initialise_head(head, schema)
            network = Network(trunk, head, feature_count)
    if _is_brought(recipe.model.name):
        check_network(network, recipe.model.name, channels=channels, size=size)
    return network


def build_trunk(
    name: str, *, pretrained: bool, channels: int, size: int, like: ModelRecipe | None = None
) -> tuple[nn.Module, int]:
    """A trunk in eval mode, to be used frozen, and its number of features.

    >>> build_trunk("pixels", pretrained=False, channels=1, size=8)[1]
    64

    Args:
        name: Of the network.
        pretrained: Whether it starts from pretrained weights.
        channels: Of the images.
        size: Of the images, pixels.
        like: Has the other fields of the model: its depth, the file of its weights, ...

    Raises:
        UsageError: If the name is unknown; suggests the nearest.
    """
    recipe = (like or ModelRecipe()).model_copy(update={"name": name, "pretrained": pretrained})
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(derive(0, "weights"))
        trunk, feature_count = _trunk(recipe, channels=channels, size=size, outputs=0)
    if feature_count is None:
        raise BrokenContractError(
            f"{name!r} gives a whole network; a backbone must say how many features it has.",
            hint="Return the pair (module, number of features).",
        )
    return trunk.eval(), feature_count


def untrained(recipe: Recipe) -> Recipe:
    """The recipe of the same network without the weights that its training started from.

    For networks whose trained weights are at hand: what they started from may be gone by now.
    """
    return recipe.changed({"model.pretrained": False, "model.weights": None})


def _is_brought(name: str) -> bool:
    """Whether a network is of the user or of another package, and its contract to be checked."""
    registered = name in registry.names(_GROUP) and not registry.is_ours(_GROUP, name)
    return registered or is_reference(name)


def _trunk(
    recipe: ModelRecipe, *, channels: int, size: int, outputs: int
) -> tuple[nn.Module, int | None]:
    """A module and its number of features, or a whole network of the user's and None."""
    if is_reference(recipe.name):
        return own_trunk(recipe, channels=channels, size=size, outputs=outputs)
    if recipe.name in registry.names(_GROUP):
        return _registered(recipe, channels=channels, size=size)
    from phoropter.models.timm_zoo import timm_trunk

    catalog.card(recipe.name)  # an unknown name ends here, with the nearest one
    return timm_trunk(recipe, channels=channels, size=size)


def _registered(recipe: ModelRecipe, *, channels: int, size: int) -> tuple[nn.Module, int]:
    """A registered trunk; weights from a file take the place of those it comes with."""
    builder: TrunkBuilder = registry.load(_GROUP, recipe.name)
    path = recipe.weights if recipe.pretrained else None
    if path is None:
        return builder(recipe, channels=channels, size=size)
    bare = recipe.model_copy(update={"pretrained": False, "weights": None})
    trunk, feature_count = builder(bare, channels=channels, size=size)
    load_into(trunk, path)
    return trunk, feature_count


def _initialise_head(head: LinearHead, schema: TargetSchema) -> None:
    nn.init.normal_(head.linear.weight, std=_HEAD_STD)
    nn.init.zeros_(head.linear.bias)
    if schema.kind == "classes" and schema.counts:
        total = sum(schema.counts)
        rates = [max(count, 0.5) / total for count in schema.counts]
        with torch.no_grad():
            head.linear.bias.copy_(torch.tensor([math.log(rate) for rate in rates]))
