"""One label out of several for each sample."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from phoropter.core.errors import NothingUsableError
from phoropter.core.predictions import ClassPredictions
from phoropter.core.protocols import Mix
from phoropter.core.recipe import Recipe
from phoropter.core.records import Dataset, Rows, TargetSchema
from phoropter.tasks.losses import named_loss
from phoropter.tasks.supervised import Losses, Supervised

UNKNOWN = -1


class Classification:
    """Exactly one of k classes a sample; trained by cross-entropy if no other loss is named."""

    name = "classification"
    kind = "classes"

    def schema(self, dataset: Dataset, train_rows: Rows) -> TargetSchema:
        """The classes, sorted by name, and how many training rows each one has.

        A class that occurs only outside the training part is listed with a count of 0: the model
        cannot know it, and its samples must count as errors rather than vanish.

        Raises:
            NothingUsableError: If the training rows hold fewer than two classes.
        """
        labels = dataset.table[dataset.targets[0]].cast(pl.String)
        names = tuple(sorted(labels.drop_nulls().unique().to_list()))
        train = labels.gather(train_rows)
        counts = tuple(int((train == name).sum()) for name in names)
        if sum(count > 0 for count in counts) < 2:
            present = [name for name, count in zip(names, counts, strict=True) if count]
            raise NothingUsableError(
                f"The training part holds one class only: {present}; there is nothing to learn."
                if present
                else f"No training sample has a label in the column {dataset.targets[0]!r}.",
                hint="Classification needs two classes; check the folders or the target column.",
            )
        return TargetSchema(kind=self.kind, names=names, counts=counts)

    def encode(self, dataset: Dataset, rows: Rows, schema: TargetSchema) -> Tensor:
        """Index of each row's class in `schema.names`, int64 (n,); -1 where it is not known."""
        positions = {name: index for index, name in enumerate(schema.names)}
        labels = dataset.table[dataset.targets[0]].cast(pl.String).gather(rows).to_list()
        return torch.tensor([positions.get(label, UNKNOWN) for label in labels], dtype=torch.int64)

    def objective(
        self,
        network: nn.Module,
        recipe: Recipe,
        schema: TargetSchema,
        *,
        mix: Mix | None = None,
    ) -> Supervised:
        """The recipe's loss, each sample weighed by its class where the recipe says so.

        "adjusted" adds the logarithm of the classes' shares to the outputs that the loss sees, so
        that they have no part in the outputs themselves (Menon et al. 2021, "Long-tail learning via
        logit adjustment", equation 10, temperature 1). It works on separable samples too, on which
        weights lose their effect (Byrd & Lipton 2019).

        Either way the outputs are learnt as if the classes were equally frequent. The plain loss,
        by which the best pass is kept, is then that of outputs with the shares put back: of the
        probabilities that they mean for samples as frequent as those of the training part.
        """
        loss = named_loss(recipe.train, self.kind, outputs=schema.outputs)
        training, slope, plain = loss.mean, loss.slope, _plain
        if recipe.train.class_weights != "none":
            plain = partial(_plain_adjusted, offsets=log_shares(schema))
        if recipe.train.class_weights == "balanced":
            training = partial(_weighted, each=loss.each, weights=class_weights(schema))
            slope = None
        elif recipe.train.class_weights == "adjusted":
            training = partial(_adjusted, mean=loss.mean, offsets=log_shares(schema))
            slope = None
        losses = Losses(training=training, plain=plain, slope=slope)
        return Supervised(network, losses, head_lr_factor=recipe.train.head_lr_factor, mix=mix)

    def predictions(
        self, ids: Sequence[str], targets: Any, outputs: NDArray[np.float32], schema: TargetSchema
    ) -> ClassPredictions:
        """The logits (n, k) as probabilities; `targets` as from `encode`."""
        return ClassPredictions(
            ids=np.asarray(ids, dtype=np.str_),
            truth=np.asarray(targets, dtype=np.int64),
            probabilities=softmax(outputs),
            classes=schema.names,
        )


def class_weights(schema: TargetSchema) -> Tensor:
    """Weight of each class, float32 (k,), inverse to its count; 1 on average over the samples.

    >>> class_weights(TargetSchema("classes", ("a", "b"), counts=(30, 10))).tolist()
    [0.6666666865348816, 2.0]
    """
    counts = np.asarray(schema.counts, dtype=np.float64)
    present = max(int((counts > 0).sum()), 1)
    weights = np.divide(counts.sum(), present * counts, out=np.zeros_like(counts), where=counts > 0)
    return torch.from_numpy(weights.astype(np.float32))


def log_shares(schema: TargetSchema) -> Tensor:
    """Logarithm of each class's share of the training samples, float32 (k,).

    A class without any is counted as one sample.

    >>> log_shares(TargetSchema("classes", ("a", "b"), counts=(30, 10))).exp().tolist()
    [0.75, 0.25]
    """
    counts = np.maximum(np.asarray(schema.counts, dtype=np.float64), 1.0)
    return torch.from_numpy(np.log(counts / counts.sum()).astype(np.float32))


def softmax(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    """Probabilities (n, k) of logits (n, k), in double precision; rows sum to 1.

    >>> softmax(np.zeros((1, 4), dtype=np.float32)).tolist()
    [[0.25, 0.25, 0.25, 0.25]]
    """
    shifted = logits.astype(np.float64)
    shifted -= shifted.max(axis=1, keepdims=True)
    powers = np.exp(shifted)
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), dtype=np.float64)


def _weighted(
    outputs: Tensor, targets: Tensor, *, each: Callable[[Tensor, Tensor], Tensor], weights: Tensor
) -> Tensor:
    losses = each(outputs, targets)
    # Divided by the number of samples, not by the sum of the weights as torch's `weight` does:
    # only so do the gradients of small batches add up to that of a big one.
    return (losses * weights.to(losses.device)[targets]).mean()


def _adjusted(
    outputs: Tensor, targets: Tensor, *, mean: Callable[[Tensor, Tensor], Tensor], offsets: Tensor
) -> Tensor:
    return mean(outputs + offsets.to(outputs.device), targets)


def _plain_adjusted(outputs: Tensor, targets: Tensor, *, offsets: Tensor) -> Tensor:
    return _plain(outputs + offsets.to(outputs.device), targets)


def _plain(outputs: Tensor, targets: Tensor) -> Tensor:
    return functional.cross_entropy(outputs, targets, reduction="none")
