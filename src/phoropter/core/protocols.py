"""What a part must offer to be plugged in: interfaces of one to four small methods."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from phoropter.core.predictions import Predictions
from phoropter.core.recipe import Recipe
from phoropter.core.records import Dataset, Finding, Rows, TargetSchema

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

Features = NDArray[np.float32]


class Reader(Protocol):
    """Turns one layout on disk into a data set."""

    def detects(self, path: Path) -> float:
        """How sure this reader is that `path` is of its layout, in [0, 1]; cheap."""
        ...

    def read(self, path: Path, *, target: str | None) -> Dataset:
        """The data set at `path`; `target` names the column where the layout has several."""
        ...


class Task(Protocol):
    """What differs between classification, regression and their later relatives."""

    name: str
    kind: str

    def schema(self, dataset: Dataset, train_rows: Rows) -> TargetSchema:
        """What the training rows say about the target (classes, means)."""
        ...

    def encode(self, dataset: Dataset, rows: Rows, schema: TargetSchema) -> Any:
        """Targets of the rows; indexable by an integer tensor, giving the targets of a batch."""
        ...

    def objective(
        self,
        network: nn.Module,
        recipe: Recipe,
        schema: TargetSchema,
        *,
        mix: Mix | None = None,
    ) -> Objective:
        """What training optimises; `mix` blends the samples of a training batch."""
        ...

    def predictions(
        self, ids: Sequence[str], targets: Any, outputs: NDArray[np.float32], schema: TargetSchema
    ) -> Predictions:
        """The network's raw outputs (n, ...) as predictions in the target's own terms."""
        ...


class Objective(Protocol):
    """The optimisation problem of a run; may hold several networks and optimisers.

    The trainer asks for steps, not for a loss: a GAN yields one step for each of its networks.
    """

    def parameters(self) -> Mapping[str, Sequence[ParameterGroup]]:
        """Named optimisers and the parameter groups each one updates."""
        ...

    def steps(
        self, inputs: Tensor, targets: Any, generator: torch.Generator
    ) -> Iterable[tuple[str, Callable[[], Tensor]]]:
        """Pairs (optimiser name, function that returns the scalar loss to descend), in order.

        The loss is a mean over the samples. Whatever is random draws from `generator`, which is
        on the CPU and was seeded for this batch; dropout alone uses torch's global one.
        """
        ...

    def evaluate(self, inputs: Tensor, targets: Any) -> tuple[Tensor, Tensor]:
        """Raw outputs (n, ...) and the plain per-sample loss (n,), without gradient.

        The plain loss has no smoothing, weights or mixing, so that runs can be compared. The
        caller has put the networks into eval mode.
        """
        ...


class Mix(Protocol):
    """Blends each sample of a batch with another one (MixUp, CutMix)."""

    def __call__(
        self, inputs: Tensor, generator: torch.Generator, /
    ) -> tuple[Tensor, Tensor, float]:
        """The blended inputs, the partner's position of each (n,), and the own share in [0, 1]."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class ParameterGroup:
    """Parameters that share a learning-rate factor and whether weight decay applies."""

    parameters: Sequence[torch.nn.Parameter]
    lr_factor: float = 1.0
    decay: bool = True


class Inputs(Protocol):
    """Samples that can be asked for by position: decoded images, cached features, ..."""

    def __len__(self) -> int: ...

    def batch(self, rows: NDArray[np.int64]) -> Tensor:
        """The inputs at these positions: uint8 images (n, c, h, w) or float features (n, d)."""
        ...


class Check(Protocol):
    """Looks at the samples before any training."""

    def __call__(self, evidence: Any) -> Iterable[Finding]: ...


class FeatureFunction(Protocol):
    """Features of some rows of a data set, shape (n, d), float32, and the name of their source."""

    name: str

    def __call__(self, dataset: Dataset, rows: Rows) -> Features: ...
