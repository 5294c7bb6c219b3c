"""Networks of the user's own: made from what a reference names, and tried out before training."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from phoropter.core.errors import BrokenContractError, users_code
from phoropter.core.recipe import ModelRecipe
from phoropter.core.references import resolve
from phoropter.models.network import Network
from phoropter.models.weights_file import load_into

_BATCH = 4
_HOW = "See docs/extend.md; --debug shows where it failed."


def own_trunk(
    recipe: ModelRecipe, *, channels: int, size: int, outputs: int
) -> tuple[nn.Module, int | None]:
    """What `recipe.name` refers to, as a module, and its number of features.

    The reference may name a network, which is copied, or a class or function that makes one. It is
    called with those of our arguments that it has parameters for: `outputs` (or `num_classes`),
    `channels` (`in_channels`, `in_chans`), `size` (`img_size`, `image_size`) and `recipe`.

    Returns:
        A whole network and None, or a trunk and its number of features where a pair was made.

    Raises:
        UsageError: If there is nothing at the reference.
        BrokenContractError: If what is there makes no network.
    """
    part = resolve(recipe.name)
    if isinstance(part, nn.Module):
        made: Any = copy.deepcopy(part)
    elif callable(part):
        made = _called(part, recipe, channels=channels, size=size, outputs=outputs)
    else:
        made = part
    module, features = made if isinstance(made, tuple) and len(made) == 2 else (made, None)
    if not isinstance(module, nn.Module) or not isinstance(features, int | None):
        raise BrokenContractError(
            f"{recipe.name!r} gives a {type(made).__name__}, not a network.",
            hint="It must be or make a torch.nn.Module, or a pair (module, number of features).",
        )
    if recipe.pretrained and recipe.weights is not None:
        load_into(module, recipe.weights)
    return module, features


def check_network(network: Network, name: str, *, channels: int, size: int) -> None:
    """Tries a network on a few random images, forth and back; it is left as it was.

    Args:
        network: As it is to be trained; its trunk must give (n, feature_count).
        name: For the message.
        channels: Of the images.
        size: Their side, pixels.

    Raises:
        BrokenContractError: If its outputs have another shape or type, are not finite, have no
            gradient, or, in eval mode, change from call to call or with the other samples.
    """
    draws = torch.Generator().manual_seed(0)
    images = torch.randn(_BATCH, channels, size, size, generator=draws)
    with torch.random.fork_rng(devices=[]):
        twin = _copied(network, name)
        _check_training(twin, images, name)
        _check_answers(twin.eval(), images, name)


def _called(part: Any, recipe: ModelRecipe, *, channels: int, size: int, outputs: int) -> Any:
    offered: Mapping[str, Any] = {
        **dict.fromkeys(("outputs", "num_classes"), outputs),
        **dict.fromkeys(("channels", "in_channels", "in_chans"), channels),
        **dict.fromkeys(("size", "img_size", "image_size"), size),
        "recipe": recipe,
    }
    parameters = inspect.signature(part).parameters.values()
    unknown = [
        item.name
        for item in parameters
        if item.default is item.empty
        and item.kind not in {item.VAR_POSITIONAL, item.VAR_KEYWORD}
        and (item.name not in offered or item.kind is item.POSITIONAL_ONLY)
    ]
    if unknown:
        raise BrokenContractError(
            f"{recipe.name!r} wants {', '.join(map(repr, unknown))}, which is not known here.",
            hint="Give it a default; what is passed are outputs, channels, size and recipe.",
        )
    chosen = {item.name: offered[item.name] for item in parameters if item.name in offered}
    said = ", ".join(f"{key}={value}" for key, value in chosen.items() if key != "recipe")
    with users_code(f"{recipe.name!r} failed when called with ({said})", hint=_HOW):
        return part(**chosen)


def _copied(network: Network, name: str) -> Network:
    with users_code(
        f"{name!r} cannot be copied",
        hint="Keep open files, locks and tensors that were computed out of the module.",
    ):
        return copy.deepcopy(network)


def _check_training(twin: Network, images: Tensor, name: str) -> None:
    features = _answer(twin.train().trunk, images, name)
    _check_shape(features, twin, images, name)
    if not any(parameter.requires_grad for parameter in twin.parameters()):
        raise BrokenContractError(
            f"{name!r} has no parameter that can be trained.",
            hint="Set requires_grad, or keep layers in attributes, ModuleList or ModuleDict.",
        )
    loss = twin.head(features).square().sum()
    if not loss.requires_grad:
        raise BrokenContractError(
            f"The output of {name!r} has no gradient.",
            hint="Look for no_grad, detach, numpy, argmax or rounding in its forward.",
        )
    loss.backward()
    if not any(parameter.grad is not None for parameter in twin.trunk.parameters()) and any(
        parameter.requires_grad for parameter in twin.trunk.parameters()
    ):
        raise BrokenContractError(
            f"No gradient reaches the parameters of {name!r}.",
            hint="Look for no_grad, detach, numpy, argmax or rounding in its forward.",
        )


def _check_shape(features: Any, twin: Network, images: Tensor, name: str) -> None:
    wanted = (len(images), twin.feature_count)
    if not isinstance(features, Tensor):
        raise BrokenContractError(
            f"{name!r} gives a {type(features).__name__}, not a tensor.",
            hint=f"Its forward must return one tensor of shape (n, {twin.feature_count}).",
        )
    if tuple(features.shape) != wanted:
        raise BrokenContractError(
            f"{name!r} turns images {tuple(images.shape)} into {tuple(features.shape)}; "
            f"{wanted} is needed.",
            hint="Give it a parameter 'outputs', or return (module, number of features) to have a "
            "last layer put on top.",
        )
    if not features.is_floating_point():
        raise BrokenContractError(
            f"{name!r} gives {features.dtype}; floating point is needed.",
            hint="Return logits or values, not classes.",
        )
    if not bool(features.isfinite().all()):
        raise BrokenContractError(
            f"{name!r} gives infinite or undefined numbers for ordinary images.",
            hint="Look for a division by zero, a logarithm or a wrong initialisation.",
        )


@torch.no_grad()
def _check_answers(twin: Network, images: Tensor, name: str) -> None:
    """In eval mode a sample's answer depends on that sample alone."""
    together = _answer(twin, images, name)
    again = _answer(twin, images, name)
    if not _agree(together, again):
        raise BrokenContractError(
            f"{name!r} answers the same images differently in eval mode.",
            hint="Dropout as a function needs training=self.training; other noise likewise.",
        )
    alone = torch.cat([_answer(twin, images[i : i + 1], name) for i in range(len(images))])
    if not _agree(together, alone):
        raise BrokenContractError(
            f"With {name!r} the answer for an image depends on the other images of its batch.",
            hint="Look for a view or reshape that mixes samples, or statistics of the batch.",
        )


def _agree(one: Tensor, other: Tensor) -> bool:
    slack = 1e-4 * float(one.abs().max()) + 1e-6
    return one.shape == other.shape and torch.allclose(one, other, rtol=1e-3, atol=slack)


def _answer(module: nn.Module, images: Tensor, name: str) -> Any:
    mode = "train" if module.training else "eval"
    what = f"{name!r} failed on images {tuple(images.shape)} in {mode} mode"
    with users_code(what, hint=_HOW):
        return module(images)
