"""Features of several views of every training sample, of which a fresh one is drawn each time."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from phoropter.core.records import Rows


class FeatureViews:
    """What a head on frozen features is trained on where images are varied.

    Args:
        rows: Positions of the training samples in the data set.
        features: Of every view of them, (views, len(rows), d).

    >>> views = FeatureViews(np.array([7]), np.array([[[0.0]], [[1.0]]], dtype=np.float32))
    >>> drawn = {views(np.array([7]), torch.Generator().manual_seed(n)).item() for n in range(20)}
    >>> sorted(drawn)
    [0.0, 1.0]
    """

    def __init__(self, rows: Rows, features: NDArray[np.float32]) -> None:
        self._features = features
        self._order = np.argsort(rows)
        self._sorted = rows[self._order]

    def __call__(self, rows: Rows, generator: torch.Generator) -> Tensor:
        """Features (n, d) of one view of each of these samples, every view being as likely."""
        views = torch.randint(len(self._features), (len(rows),), generator=generator).numpy()
        places = self._order[np.searchsorted(self._sorted, rows)]
        return torch.from_numpy(self._features[views, places])
