"""k nearest neighbours: the training features themselves, as a torch head."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from typing_extensions import override

from phoropter.core.seed import generator
from phoropter.models.classic import Classic, Examples

_CANDIDATES = (1, 3, 5, 9, 15, 25)
_MOST_LEFT_OUT = 2_000
"""Samples whose answers decide the number of neighbours: a share of right ones then has a standard
error of a hundredth, and the time no longer grows with the square of the samples."""

# Log-probability of a class without a vote is that of this share: finite, and within 1e-6 of zero.
_LEAST_SHARE = 1e-7


class NeighbourHead(nn.Module):
    """The vote of the nearest stored samples by Euclidean distance.

    Args:
        shift: Mean of the stored samples, (d,); distances are taken after it is subtracted,
            because the squares of large common parts would eat the digits of the differences.
        stored: The shifted samples, (m, d).
        votes: One-hot classes of the stored samples, (m, k).
        neighbours: How many vote, a scalar tensor.
    """

    shift: Tensor
    stored: Tensor
    votes: Tensor
    neighbours: Tensor
    squares: Tensor

    def __init__(self, shift: Tensor, stored: Tensor, votes: Tensor, neighbours: Tensor) -> None:
        super().__init__()
        self.register_buffer("shift", shift)
        self.register_buffer("stored", stored)
        self.register_buffer("votes", votes)
        self.register_buffer("neighbours", neighbours)
        self.register_buffer("squares", stored.square().sum(dim=1), persistent=False)
        self._count = int(neighbours)

    @override
    def forward(self, features: Tensor) -> Tensor:
        """Features (n, d) to log-probabilities (n, k)."""
        # The query's own square is the same for all stored samples and does not change their order.
        distances = self.squares - 2 * functional.linear(features - self.shift, self.stored)
        nearest = torch.topk(distances, self._count, dim=1, largest=False).indices
        shares = self.votes[nearest].mean(dim=1)
        return shares.clamp_min(_LEAST_SHARE).log()


def fit(examples: Examples) -> NeighbourHead:
    """k-NN whose k has the best leave-one-out accuracy on up to 2,000 training samples."""
    neighbours = _best_count(examples)
    shift = examples.features.mean(axis=0)
    votes = np.eye(examples.outputs, dtype=np.float32)[examples.targets]
    return NeighbourHead(
        torch.from_numpy(shift),
        torch.from_numpy(examples.features - shift),
        torch.from_numpy(votes),
        torch.tensor(neighbours),
    )


def restore(state: Mapping[str, Tensor]) -> NeighbourHead:
    """The head with this state."""
    return NeighbourHead(state["shift"], state["stored"], state["votes"], state["neighbours"])


def _best_count(examples: Examples) -> int:
    from sklearn.neighbors import NearestNeighbors

    samples = len(examples.features)
    allowed = [count for count in _CANDIDATES if count < samples]
    if not allowed:
        return 1
    draw = generator(examples.seed, "classic", "neighbours")
    asked = draw.permutation(samples)[:_MOST_LEFT_OUT]
    index = NearestNeighbors(n_neighbors=allowed[-1] + 1).fit(examples.features)
    found = index.kneighbors(examples.features[asked], return_distance=False)
    labels = examples.targets[_without_itself(found, asked)]
    truth = examples.targets[asked]
    right = [_accuracy(labels[:, :count], truth, examples.outputs) for count in allowed]
    return allowed[int(np.argmax(right))]


def _without_itself(found: NDArray[np.int64], asked: NDArray[np.int64]) -> NDArray[np.int64]:
    """The neighbours (n, k) but the sample itself, (n, k - 1); the last where it is not there.

    Where there are copies of it, it may be any of them.
    """
    own = found == asked[:, None]
    own[~own.any(axis=1), -1] = True
    others: NDArray[np.int64] = found[~own].reshape(len(found), -1)
    return others


def _accuracy(labels: NDArray[np.int64], truth: NDArray[np.int64], classes: int) -> float:
    votes = np.stack([(labels == index).sum(axis=1) for index in range(classes)], axis=1)
    return float((votes.argmax(axis=1) == truth).mean())


KNN = Classic(fit, restore, kinds=("classes",))
