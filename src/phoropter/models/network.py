"""A network is a trunk that makes features and a head that turns them into the answer."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor, nn
from typing_extensions import override

from phoropter.core.recipe import ModelRecipe


class Network(nn.Module):
    """`head(trunk(x))`, kept apart so that a frozen trunk needs to run only once per image.

    Args:
        trunk: Normalised float images (n, c, h, w) to features (n, d).
        head: Features (n, d) to raw outputs: logits (n, k) or standardised values (n, t).
        feature_count: d.
    """

    def __init__(self, trunk: nn.Module, head: nn.Module, feature_count: int) -> None:
        super().__init__()
        self.trunk = trunk
        self.head = head
        self.feature_count = feature_count

    @override
    def forward(self, inputs: Tensor) -> Tensor:
        """Normalised float images (n, c, h, w) to raw outputs (n, outputs)."""
        outputs: Tensor = self.head(self.trunk(inputs))
        return outputs


class LinearHead(nn.Module):
    """Dropout and one linear layer: features (n, d) to raw outputs (n, outputs).

    >>> import torch
    >>> LinearHead(8, 3, dropout=0.2)(torch.zeros(5, 8)).shape
    torch.Size([5, 3])
    """

    def __init__(self, feature_count: int, outputs: int, *, dropout: float) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout) if dropout > 0 else nn.Identity()
        self.linear = nn.Linear(feature_count, outputs)

    @override
    def forward(self, features: Tensor) -> Tensor:
        """Features (n, d) to raw outputs (n, outputs)."""
        outputs: Tensor = self.linear(self.dropout(features))
        return outputs


class TrunkBuilder(Protocol):
    """What is registered under "phoropter.models": makes a trunk and says how wide it is."""

    def __call__(self, recipe: ModelRecipe, *, channels: int, size: int) -> tuple[nn.Module, int]:
        """The trunk, and the number of features it puts out.

        Args:
            recipe: The model's part of the recipe.
            channels: Of the input images.
            size: Side of the square input images, pixels.
        """
        ...
