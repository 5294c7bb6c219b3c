"""One or more numbers for each sample."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from phoropter.core.errors import InputError, NothingUsableError
from phoropter.core.predictions import ValuePredictions
from phoropter.core.protocols import Mix
from phoropter.core.recipe import Recipe
from phoropter.core.records import Dataset, Rows, TargetSchema
from phoropter.tasks.losses import named_loss
from phoropter.tasks.supervised import Losses, Supervised


class Regression:
    """Numbers, standardised by the training part; trained by the loss named in the recipe.

    A network puts out standardised values, so that its loss is about 1 before training whatever
    the unit, and the numbers of one sample weigh alike.
    """

    name = "regression"
    kind = "values"

    def schema(self, dataset: Dataset, train_rows: Rows) -> TargetSchema:
        """Mean and (population) standard deviation of each number on the training rows.

        Raises:
            NothingUsableError: If there are no training rows, or every number is constant there.
            InputError: If a training row lacks a number.
        """
        values = _values(dataset, train_rows, dataset.targets)
        if len(values) == 0:
            raise NothingUsableError(
                "The training part is empty; there is nothing to learn.",
                hint="Check the split, or the folder that was given.",
            )
        for index, name in enumerate(dataset.targets):
            missing = int((~np.isfinite(values[:, index])).sum())
            if missing:
                raise InputError(
                    f"{missing} training rows have no finite number in the column {name!r}.",
                    hint="Fill them in, or take those rows out.",
                )
        scale = values.std(axis=0)
        if not scale.any():
            raise NothingUsableError(
                f"Every training sample has the same {', '.join(map(repr, dataset.targets))}.",
                hint="Name another column with --target.",
            )
        return TargetSchema(
            kind=self.kind,
            names=dataset.targets,
            offset=tuple(values.mean(axis=0).tolist()),
            scale=tuple(np.where(scale > 0, scale, 1.0).tolist()),
        )

    def encode(self, dataset: Dataset, rows: Rows, schema: TargetSchema) -> Tensor:
        """The numbers in their own unit, float64 (n, t); NaN where unknown."""
        return torch.from_numpy(_values(dataset, rows, schema.names))

    def objective(
        self,
        network: nn.Module,
        recipe: Recipe,
        schema: TargetSchema,
        *,
        mix: Mix | None = None,
    ) -> Supervised:
        """The recipe's loss of the standardised numbers."""
        standardise = partial(
            _standardised,
            offset=torch.tensor(schema.offset, dtype=torch.float64),
            scale=torch.tensor(schema.scale, dtype=torch.float64),
        )
        loss = named_loss(recipe.train, self.kind, outputs=schema.outputs)
        losses = Losses(
            training=lambda outputs, targets: loss.mean(outputs, standardise(targets)),
            plain=lambda outputs, targets: (outputs - standardise(targets)).square().mean(dim=1),
        )
        return Supervised(network, losses, head_lr_factor=recipe.train.head_lr_factor, mix=mix)

    def predictions(
        self, ids: Sequence[str], targets: Any, outputs: NDArray[np.float32], schema: TargetSchema
    ) -> ValuePredictions:
        """The standardised outputs (n, t) in the target's unit; `targets` as from `encode`."""
        return ValuePredictions(
            ids=np.asarray(ids, dtype=np.str_),
            truth=np.asarray(targets, dtype=np.float64),
            values=outputs.astype(np.float64) * np.asarray(schema.scale)
            + np.asarray(schema.offset),
            names=schema.names,
        )


def _values(dataset: Dataset, rows: Rows, names: Sequence[str]) -> NDArray[np.float64]:
    columns = [dataset.table[name].gather(rows).to_numpy().astype(np.float64) for name in names]
    return np.stack(columns, axis=1)


def _standardised(targets: Tensor, *, offset: Tensor, scale: Tensor) -> Tensor:
    # In double precision until the offset is gone: years or prices lose their digits otherwise.
    offset, scale = offset.to(targets), scale.to(targets)
    return ((targets - offset) / scale).float()
