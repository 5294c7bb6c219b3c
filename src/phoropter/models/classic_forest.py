"""Random forests as tensors: all trees go down one level at a time, by gathering."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from typing_extensions import override

from phoropter.core.seed import derive
from phoropter.models.classic import Classic, Examples

_TREES = 100
_LEAST_SHARE = 1e-7
_STATE = ("roots", "feature", "threshold", "branches", "value", "depth", "normalised")


class ForestHead(nn.Module):
    """The mean answer of trees whose nodes lie behind each other in flat tensors.

    Args:
        roots: Number of each tree's first node, (trees,), int64.
        feature: The feature each node asks about, (nodes,), int64; 0 at leaves.
        threshold: Up to which a sample goes left, (nodes,), float32.
        branches: Left and right child of each node, (nodes, 2), int64; leaves are their own.
        value: Class shares or numbers of each node, (nodes, outputs), float32.
        depth: Levels below the roots, a scalar tensor.
        normalised: Whether outputs are log-probabilities (else plain numbers).
    """

    roots: Tensor
    feature: Tensor
    threshold: Tensor
    branches: Tensor
    value: Tensor
    depth: Tensor
    normalised: Tensor

    def __init__(self, state: Mapping[str, Tensor]) -> None:
        super().__init__()
        for name in _STATE:
            self.register_buffer(name, state[name])
        self._levels = int(state["depth"])
        self._log = bool(state["normalised"])

    @override
    def forward(self, features: Tensor) -> Tensor:
        """Features (n, d) to log-probabilities (n, k) or numbers (n, t)."""
        nodes = self.roots.expand(features.shape[0], -1)
        for _ in range(self._levels):
            asked = torch.gather(features, 1, self.feature[nodes])
            left, right = self.branches[nodes].unbind(dim=2)
            nodes = torch.where(asked <= self.threshold[nodes], left, right)
        mean = self.value[nodes].mean(dim=1)
        return mean.clamp_min(_LEAST_SHARE).log() if self._log else mean


def fit(examples: Examples) -> ForestHead:
    """A forest of 100 trees with scikit-learn's defaults (a third of the features for numbers)."""
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

    seed = derive(examples.seed, "classic", "forest") % 2**32
    classes = examples.kind == "classes"
    if classes:
        model = RandomForestClassifier(_TREES, random_state=seed, n_jobs=-1)
        model.fit(examples.features, examples.targets)
    else:
        model = RandomForestRegressor(_TREES, max_features=1 / 3, random_state=seed, n_jobs=-1)
        model.fit(
            examples.features,
            np.squeeze(examples.targets, axis=1) if examples.outputs == 1 else examples.targets,
        )
    return ForestHead(_state(model, examples, classes=classes))


def restore(state: Mapping[str, Tensor]) -> ForestHead:
    """The head with this state."""
    return ForestHead(state)


def _state(model: Any, examples: Examples, *, classes: bool) -> dict[str, Tensor]:
    trees = [estimator.tree_ for estimator in model.estimators_]
    roots = np.cumsum([0, *(tree.node_count for tree in trees[:-1])])
    values = np.concatenate([_value(tree, classes=classes) for tree in trees])
    if classes:  # columns of the classes that have examples, among all
        every = np.zeros((len(values), examples.outputs))
        every[:, model.classes_] = values
        values = every
    return {
        "roots": torch.from_numpy(roots),
        "feature": torch.from_numpy(np.concatenate([_feature(tree) for tree in trees])),
        "threshold": torch.from_numpy(np.concatenate([_threshold(tree) for tree in trees])),
        "branches": torch.from_numpy(
            np.concatenate([_branches(tree, root) for tree, root in zip(trees, roots, strict=True)])
        ),
        "value": torch.from_numpy(values.astype(np.float32)),
        "depth": torch.tensor(max(tree.max_depth for tree in trees)),
        "normalised": torch.tensor(classes),
    }


def _feature(tree: Any) -> NDArray[np.int64]:
    return np.asarray(np.maximum(tree.feature, 0), dtype=np.int64)


def _threshold(tree: Any) -> NDArray[np.float32]:
    """The largest float32 that is no larger: a float32 feature then goes the same way exactly."""
    exact = tree.threshold
    rounded = exact.astype(np.float32)
    below = np.nextafter(rounded, np.float32(-np.inf), dtype=np.float32)
    return np.asarray(np.where(rounded > exact, below, rounded), dtype=np.float32)


def _branches(tree: Any, root: int) -> NDArray[np.int64]:
    own = np.arange(tree.node_count)
    left = np.where(tree.children_left < 0, own, tree.children_left)
    right = np.where(tree.children_right < 0, own, tree.children_right)
    return np.asarray(np.stack([left, right], axis=1) + root, dtype=np.int64)


def _value(tree: Any, *, classes: bool) -> NDArray[np.float64]:
    """Shape (nodes, classes), rows summing to 1, or (nodes, numbers)."""
    if not classes:
        numbers: NDArray[np.float64] = tree.value[:, :, 0]
        return numbers
    counts = tree.value[:, 0, :]
    shares: NDArray[np.float64] = counts / counts.sum(axis=1, keepdims=True)
    return shares


RANDOM_FOREST = Classic(fit, restore, kinds=("classes", "values"))
