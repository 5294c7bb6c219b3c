"""Whether what enters a network is what its weights were made for."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.conv import _ConvNd

from phoropter.core.recipe import Recipe
from phoropter.core.records import Preprocessing
from phoropter.core.references import is_reference
from phoropter.core.run_records import Gate
from phoropter.models.catalog import card, starts_from_weights

_LINEAR = (nn.Linear, _ConvNd)
_NORMS = (_NormBase, nn.LayerNorm, nn.GroupNorm)

TOLERANCE = 0.25
"""Standard deviations that the mean, and natural logarithms that the spread of a channel may be off
those of the weights. The usual statistics of photographs and (0.5, 0.5) are 0.9 apart."""

FLATTEST = 0.1
STEEPEST = 10.0
"""Standard deviations of an input channel between which a network from scratch trains as usual: its
first layer is made for one of 1, and gradients grow with it (He et al. 2015)."""

FARTHEST = 10.0
"""Distance of a channel's mean from zero, in its own standard deviations. Descent takes about the
square of it, times as many steps (LeCun et al. 1998, "Efficient BackProp", section 5.1)."""


def preprocessing_gate(
    recipe: Recipe, how: Preprocessing, network: nn.Module, inputs: Tensor | None
) -> Gate | None:
    """The gate "preprocessing-mismatch", or None where nothing is known to be expected.

    Args:
        recipe: Of the run.
        how: What leads to the network's input.
        network: In eval mode; its first layer is asked what reaches it.
        inputs: Of a few training samples as the network gets them, unvaried, (n, c, ...); None
            where it sees features.
    """
    if starts_from_weights(recipe.model) and not is_reference(recipe.model.name):
        return _against_weights(recipe, how)
    if inputs is None or len(inputs) < 2:
        return None
    reached = first_input(network, inputs)
    return None if reached is None else _against_unit(reached)


class _ReachedError(Exception):
    """Ends a forward pass: the first layer has been reached."""


def first_input(network: nn.Module, inputs: Tensor) -> Tensor | None:
    """What reaches the first layer with weights; None if that is a normalisation, or there is none.

    A network may scale its input itself, rightly or wrongly. Nothing behind that layer is computed.
    """
    found: list[tuple[nn.Module, Tensor]] = []

    def note(module: nn.Module, given: tuple[Any, ...]) -> None:
        if given and isinstance(given[0], Tensor):
            found.append((module, given[0]))
            raise _ReachedError

    layers = (module for module in network.modules() if isinstance(module, (*_LINEAR, *_NORMS)))
    handles = [module.register_forward_pre_hook(note) for module in layers]
    try:
        with torch.no_grad():
            network(inputs.clone())
    except _ReachedError:
        module, reached = found[0]
        sound = isinstance(module, _LINEAR) and reached.is_floating_point()
        return reached.clone() if sound else None
    finally:
        for handle in handles:
            handle.remove()
    return None


def _against_weights(recipe: Recipe, how: Preprocessing) -> Gate:
    expected = card(recipe.model.name)
    used = how.normalization
    channels = len(used.mean)
    mean, std = _for(expected.mean, channels), _for(expected.std, channels)
    shifts = [abs(m - n) / s for m, n, s in zip(used.mean, mean, std, strict=True)]
    ratios = [abs(math.log(s / t)) for s, t in zip(used.std, std, strict=True)]
    off = max(*shifts, *ratios)
    evidence = {
        "from": "weights",
        "mean": used.mean,
        "std": used.std,
        "expected_mean": mean,
        "expected_std": std,
        "size": how.size,
        "expected_size": expected.input_px,
    }
    return Gate("preprocessing-mismatch", off, TOLERANCE, off <= TOLERANCE, evidence)


def _for(values: Sequence[float], channels: int) -> tuple[float, ...]:
    """Grey images are normalised by the mean of the colours' statistics."""
    given = tuple(values)
    return given if len(given) == channels else (sum(given) / len(given),) * channels


def _against_unit(inputs: Tensor) -> Gate:
    """Mean and spread of the channels of what really enters, against 0 and 1."""
    numbers = inputs.detach().float()
    if numbers.ndim == 2:
        numbers = numbers.unsqueeze(2)
    flat = numbers.transpose(0, 1).flatten(1)
    varied = flat.std(1) > 0  # a column that is the same everywhere says nothing, and spoils little
    if not bool(varied.any()):
        blank = {"from": "inputs", "mean": flat.mean(1).tolist(), "std": [0.0] * len(flat)}
        return Gate("preprocessing-mismatch", 0.0, FLATTEST, False, blank)
    mean, std = flat.mean(1)[varied], flat.std(1)[varied]
    spread = float(std.square().mean().sqrt())
    farthest = float((mean.abs() / std.clamp(min=1e-12)).median())
    passed = FLATTEST <= spread <= STEEPEST and farthest <= FARTHEST
    evidence: dict[str, object] = {
        "from": "inputs",
        "mean": [round(value, 4) for value in mean[:8].tolist()],
        "std": [round(value, 4) for value in std[:8].tolist()],
        "farthest": farthest,
        "samples": len(inputs),
    }
    return Gate("preprocessing-mismatch", spread, 1.0, passed, evidence)
