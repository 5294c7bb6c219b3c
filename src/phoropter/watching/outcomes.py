"""What a loop says of its validation part, as the tables that rules read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from phoropter.core.errors import UsageError
from phoropter.core.predictions import ClassPredictions, Predictions, ValuePredictions
from phoropter.core.records import TargetSchema
from phoropter.core.registry import names
from phoropter.metrics import GROUP, named

_SUMS = 5e-3  # by which the probabilities of a sample may miss 1: they may be bfloat16
_FAR = 1e300  # from zero; of larger logits the differences are infinite


def as_predictions(predictions: Any, targets: Any, classes: Sequence[str]) -> Predictions:
    """Predictions beside the truth.

    Whole numbers as targets mean classes, others mean values.

    Args:
        predictions: Classes: logits or probabilities (n, k), or of the second of two classes (n,).
            Values: (n,) or (n, t). A tensor, an array or a list.
        targets: Numbers of the classes (n,), or values like the predictions.
        classes: Names, or empty.

    Raises:
        UsageError: If the two do not belong together, or labels stand in for probabilities.

    >>> as_predictions([[2.0, 0.0], [0.0, 0.0]], [0, 1], ()).probabilities.round(2).tolist()
    [[0.88, 0.12], [0.5, 0.5]]
    >>> as_predictions([0.5, 1.5], [0.4, 1.0], ()).values.tolist()
    [[0.5], [1.5]]
    """
    said, truth = _array(predictions), _array(targets)
    if len(said) != len(truth) or not len(said):
        raise UsageError(
            f"predictions are for {len(said)} samples, targets for {len(truth)}.",
            hint="Hand over both for the whole validation part, in the same order.",
        )
    ids = np.arange(len(said)).astype(np.str_)
    if not np.issubdtype(truth.dtype, np.floating):
        probabilities = _probabilities(said)
        return ClassPredictions(
            ids,
            _labels(truth, probabilities.shape[1]),
            probabilities,
            _names(probabilities, classes),
        )
    if said.shape != truth.shape and said.size != truth.size:
        raise UsageError(
            f"predictions have the shape {said.shape}, targets {truth.shape}.",
            hint="Values need one prediction a target; classes need whole numbers as targets.",
        )
    values, true = (item.reshape(len(item), -1).astype(np.float64) for item in (said, truth))
    return ValuePredictions(ids, true, values, tuple(f"value {n}" for n in range(true.shape[1])))


def schema_of(
    predictions: Predictions | None, classes: Sequence[str], *, samples: int = 0
) -> TargetSchema:
    """The target, as far as it is known; the validation part stands for the training part.

    Args:
        predictions: Of the validation part.
        classes: Their names, where they were told.
        samples: Of the training part, to which the validation's counts are scaled; 0: not known.
    """
    if isinstance(predictions, ClassPredictions):
        known = predictions.truth[predictions.truth >= 0]
        counts = np.bincount(known, minlength=len(predictions.classes))
        if samples and len(known):
            counts = np.where(counts > 0, np.maximum(counts * samples // len(known), 1), 0)
        return TargetSchema("classes", predictions.classes, tuple(counts.tolist()))
    if isinstance(predictions, ValuePredictions):
        # Without a kind: the loss may be of any unit, so that no constant prediction's is known.
        spread = np.nanstd(predictions.truth, axis=0)
        return TargetSchema("", (), scale=tuple(np.where(spread > 0, spread, 1.0).tolist()))
    return TargetSchema("classes" if classes else "", tuple(classes))


def metric_of(predictions: Predictions, wanted: str | None) -> tuple[str, float]:
    """The metric of that name, or the usual one, and its value on these predictions."""
    usual = "accuracy" if isinstance(predictions, ClassPredictions) else "rmse"
    name = wanted if wanted in names(GROUP) else usual
    found = named(name)
    if found.kind != predictions.kind:
        name, found = usual, named(usual)
    return name, float(found(predictions))


def class_names(classes: int | Sequence[str] | None) -> tuple[str, ...]:
    """Names of the classes from their names, their number, or nothing.

    >>> class_names(3)
    ('0', '1', '2')
    """
    if classes is None:
        return ()
    return tuple(map(str, range(classes) if isinstance(classes, int) else classes))


def _array(values: Any) -> NDArray[Any]:
    """A tensor of any device and precision, an array or a list, as an array."""
    if hasattr(values, "detach"):
        values = values.detach().cpu()
        values = values.float() if values.is_floating_point() else values
    array = np.asarray(values)
    return array.astype(np.float64) if np.issubdtype(array.dtype, np.floating) else array


def _probabilities(said: NDArray[Any]) -> NDArray[np.float64]:
    if not np.issubdtype(said.dtype, np.floating):
        raise UsageError(
            f"predictions are whole numbers ({said.dtype}), which look like labels.",
            hint="Hand over logits or probabilities: how sure a model is belongs to the diagnosis.",
        )
    table = said.reshape(len(said), -1)
    if table.shape[1] == 1:  # of the second of two classes
        lost = np.isnan(table)
        known = bool(np.all(lost | ((table >= 0) & (table <= 1))))
        second = table if known else 1 / (1 + np.exp(-np.clip(table, -700, 700)))
        second = np.where(lost, 0.5, second)
        return np.concatenate([1 - second, second], axis=1)
    lost = np.isnan(table).any(axis=1)
    told = table[~lost]
    if np.all(told >= 0) and np.all(np.abs(told.sum(axis=1) - 1) < _SUMS):
        raised = told
    else:
        finite = np.clip(told, -_FAR, _FAR)
        raised = np.exp(finite - finite.max(axis=1, keepdims=True))
    probabilities = np.full(table.shape, 1 / table.shape[1])
    probabilities[~lost] = raised / raised.sum(axis=1, keepdims=True)
    return probabilities


def _labels(truth: NDArray[Any], count: int) -> NDArray[np.int64]:
    labels = truth.reshape(len(truth), -1)
    if labels.shape[1] != 1 or labels.max() >= count:
        raise UsageError(
            f"targets {truth.shape} up to {labels.max()} do not belong to predictions of {count} "
            "classes.",
            hint="Each sample has one whole number, below the number of classes.",
        )
    return np.maximum(labels[:, 0].astype(np.int64), -1)


def _names(probabilities: NDArray[np.float64], classes: Sequence[str]) -> tuple[str, ...]:
    count = probabilities.shape[1]
    if classes and len(classes) != count:
        raise UsageError(
            f"predictions have {count} columns, and there are {len(classes)} classes.",
            hint="Name as many classes as the network has outputs.",
        )
    return tuple(classes) or class_names(count)
