"""The second waist: after a model has spoken, everything works on these tables (numpy only)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from phoropter.core.errors import CorruptFileError
from phoropter.core.tables import read_table, write_table


@dataclass(frozen=True, slots=True, eq=False)
class ClassPredictions:
    """Class probabilities beside the truth.

    Args:
        ids: Sample identifiers, shape (n,).
        truth: Index of the true class, shape (n,), int64; -1 where unknown.
        probabilities: Shape (n, k), float64, rows sum to 1.
        classes: The k class names.
        decided: Index of the class that a threshold or a cost matrix made of each sample, shape
            (n,), int64; None: the most probable one.
    """

    kind: ClassVar[str] = "classes"
    ids: NDArray[np.str_]
    truth: NDArray[np.int64]
    probabilities: NDArray[np.float64]
    classes: tuple[str, ...]
    decided: NDArray[np.int64] | None = None

    @property
    def predicted(self) -> NDArray[np.int64]:
        """Index of the class that is named for each sample, shape (n,)."""
        return self.most_probable if self.decided is None else self.decided

    @property
    def most_probable(self) -> NDArray[np.int64]:
        """Index of the most probable class, shape (n,)."""
        return np.asarray(self.probabilities.argmax(axis=1), dtype=np.int64)

    def __len__(self) -> int:
        return len(self.truth)

    def take(self, rows: NDArray[np.int64]) -> ClassPredictions:
        """The predictions at these positions, repeats allowed."""
        return replace(
            self,
            ids=self.ids[rows],
            truth=self.truth[rows],
            probabilities=self.probabilities[rows],
            decided=None if self.decided is None else self.decided[rows],
        )


@dataclass(frozen=True, slots=True, eq=False)
class ValuePredictions:
    """Predicted numbers beside the true ones, in the target's own unit.

    Args:
        ids: Sample identifiers, shape (n,).
        truth: Shape (n, t), float64; NaN where unknown.
        values: Shape (n, t), float64.
        names: The t names of the numbers.
    """

    kind: ClassVar[str] = "values"
    ids: NDArray[np.str_]
    truth: NDArray[np.float64]
    values: NDArray[np.float64]
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.truth)

    def take(self, rows: NDArray[np.int64]) -> ValuePredictions:
        """The predictions at these positions, repeats allowed."""
        return replace(self, ids=self.ids[rows], truth=self.truth[rows], values=self.values[rows])


Predictions = ClassPredictions | ValuePredictions


def write_predictions(path: Path, predictions: Predictions) -> None:
    """Writes predictions as Parquet, one row a sample, whole or not at all."""
    if isinstance(predictions, ClassPredictions):
        decided = predictions.decided
        columns = {
            "id": predictions.ids,
            "truth": predictions.truth,
            **({} if decided is None else {"decided": decided}),
            **{
                f"p:{name}": predictions.probabilities[:, index]
                for index, name in enumerate(predictions.classes)
            },
        }
    else:
        columns = {"id": predictions.ids}
        for index, name in enumerate(predictions.names):
            columns[f"truth:{name}"] = predictions.truth[:, index]
            columns[f"value:{name}"] = predictions.values[:, index]
    write_table(path, pl.DataFrame(columns))


def read_predictions(path: Path) -> Predictions:
    """What `write_predictions` wrote.

    Raises:
        CorruptFileError: If the file is damaged.
    """
    try:
        return _from_table(read_table(path)[0])
    except (pl.exceptions.PolarsError, OSError, ValueError) as error:
        raise CorruptFileError(
            f"The predictions {str(path)!r} cannot be read: {error}.",
            hint="Delete the run's folder and train it again.",
        ) from error


def _from_table(table: pl.DataFrame) -> Predictions:
    ids = table["id"].to_numpy().astype(np.str_)
    classes = tuple(name[2:] for name in table.columns if name.startswith("p:"))
    if classes:
        probabilities = table.select([f"p:{name}" for name in classes]).to_numpy()
        return ClassPredictions(
            ids=ids,
            truth=table["truth"].to_numpy().astype(np.int64),
            probabilities=np.ascontiguousarray(probabilities, dtype=np.float64),
            classes=classes,
            decided=(
                table["decided"].to_numpy().astype(np.int64) if "decided" in table.columns else None
            ),
        )
    names = tuple(name[6:] for name in table.columns if name.startswith("value:"))
    if not names:
        message = "it has no predictions"
        raise ValueError(message)
    return ValuePredictions(
        ids=ids,
        truth=table.select([f"truth:{name}" for name in names]).to_numpy().astype(np.float64),
        values=table.select([f"value:{name}" for name in names]).to_numpy().astype(np.float64),
        names=names,
    )
