"""Inputs that are already in memory: cached features, small tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from phoropter.core.records import Rows

if TYPE_CHECKING:
    from torch import Tensor


class MemoryInputs:
    """Features or images held in one array.

    Args:
        features: Shape (n, ...), one row a sample; images as uint8.

    >>> MemoryInputs(np.eye(3, dtype=np.float32)).batch(np.array([2])).tolist()
    [[0.0, 0.0, 1.0]]
    """

    def __init__(self, features: NDArray[np.float32] | NDArray[np.uint8]) -> None:
        self._features = features

    def __len__(self) -> int:
        return len(self._features)

    def batch(self, rows: Rows) -> Tensor:
        """The rows at these positions, a fresh tensor of the array's dtype."""
        import torch

        return torch.from_numpy(self._features.take(rows, axis=0))
