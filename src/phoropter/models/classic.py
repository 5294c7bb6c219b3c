"""Classic models: fitted by scikit-learn, spoken by torch.

After the fit a model is rebuilt as a torch head with the same answers, so that predicting, saving
(safetensors) and exporting (ONNX) need neither scikit-learn nor a second code path. Heads answer as
networks do: log-probabilities for classes, standardised numbers for values.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from phoropter.core import registry
from phoropter.core.errors import NothingUsableError, UsageError
from phoropter.core.records import TargetSchema

_MOST_FEATURES = 8_192


@dataclass(frozen=True, slots=True, eq=False)
class Examples:
    """What a classic model is fitted on.

    Args:
        features: Shape (n, d), float32.
        targets: Class indices, int64 (n,), or standardised numbers, float64 (n, t).
        outputs: Classes, or numbers, that the schema names; some classes may have no example.
        kind: "classes" or "values".
        seed: Decides every draw.
    """

    features: NDArray[np.float32]
    targets: NDArray[Any]
    outputs: int
    kind: str
    seed: int


@dataclass(frozen=True, slots=True, eq=False)
class Classic:
    """What is registered under "phoropter.classics".

    Args:
        fit: From examples to a head.
        restore: From the `state_dict` of such a head to an equal one.
        kinds: Kinds of targets it can be fitted to.
    """

    fit: Callable[[Examples], nn.Module]
    restore: Callable[[Mapping[str, Tensor]], nn.Module]
    kinds: tuple[str, ...]


def fit_classic(
    name: str,
    features: NDArray[np.float32],
    targets: NDArray[Any],
    *,
    schema: TargetSchema,
    seed: int,
) -> nn.Module:
    """A torch head that answers as the fitted scikit-learn model does, in eval mode.

    >>> schema = TargetSchema("classes", ("a", "b"), counts=(3, 1))
    >>> x, y = np.zeros((4, 2), np.float32), np.array([0, 0, 0, 1])
    >>> head = fit_classic("majority", x, y, schema=schema, seed=0)
    >>> import torch
    >>> [round(share, 3) for share in head(torch.zeros(1, 2)).exp()[0].tolist()]
    [0.75, 0.25]

    Args:
        name: A name registered under "phoropter.classics".
        features: Shape (n, d), float32, finite.
        targets: Class indices (n,), or numbers (n, t) in the target's own unit.
        schema: Of the target; its offset and scale standardise the numbers.
        seed: Decides every draw.

    Raises:
        UsageError: If the name is unknown, does not fit the target, or there are too many features.
        NothingUsableError: If there is no sample.
    """
    classic: Classic = registry.load("phoropter.classics", name)
    if schema.kind not in classic.kinds:
        raise UsageError(
            f"The model {name!r} does not fit targets of the kind {schema.kind!r}.",
            hint="See: phoropter models.",
        )
    if len(features) == 0:
        raise NothingUsableError("There is no training sample to fit a model on.")
    if features.shape[1] > _MOST_FEATURES:
        raise UsageError(
            f"{features.shape[1]:,} features a sample are too many for {name!r}.",
            hint="Use data.size=32, or model.backbone=efficientnet_lite0.",
        )
    examples = Examples(
        features=np.ascontiguousarray(features, dtype=np.float32),
        targets=_encoded(targets, schema),
        outputs=schema.outputs,
        kind=schema.kind,
        seed=seed,
    )
    return classic.fit(examples).eval()


def classic_from_state(name: str, state: Mapping[str, Tensor]) -> nn.Module:
    """The head that `fit_classic` returned, from its `state_dict`, in eval mode.

    Raises:
        UsageError: If the name is unknown.
        KeyError: If the state is not that of such a head.
    """
    classic: Classic = registry.load("phoropter.classics", name)
    return classic.restore(state).eval()


def _encoded(targets: NDArray[Any], schema: TargetSchema) -> NDArray[Any]:
    if schema.kind == "classes":
        return np.asarray(targets, dtype=np.int64)
    values = np.asarray(targets, dtype=np.float64).reshape(len(targets), -1)
    standardised: NDArray[np.float64] = (values - np.asarray(schema.offset)) / np.asarray(
        schema.scale
    )
    return standardised
