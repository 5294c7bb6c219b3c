"""What training is given and what it gives back."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from phoropter.core.events import Listener, silent
from phoropter.core.protocols import Inputs
from phoropter.core.records import Normalization, Rows
from phoropter.core.run_records import Epoch, KeptPass
from phoropter.core.seed import generator

LEAST_TRAIN_EVAL_ROWS = 500
FEW_TRAIN_EVAL_ROWS = 100
TRAIN_EVAL_NUMBERS = 2**24
"""Of input, which the fixed training part should not exceed: 111 images of 224 px. Where it was the
whole of a small set, the measurements took a third of the time of ResNet-18's training."""

Augment = Callable[[Tensor, torch.Generator], Tensor]
Drawn = Callable[[Rows, torch.Generator], Tensor]
Losing = Callable[[Sequence[Epoch]], bool]
OutputMetric = Callable[[NDArray[np.float32], Rows], float]


@dataclass(frozen=True, slots=True, eq=False)
class TrainingData:
    """The samples of a run, ready to be asked for by position.

    Args:
        inputs: Inputs of all samples, training and validation.
        targets: Targets of all samples in the same order; indexable by an integer tensor.
        train_rows: Positions to learn from.
        val_rows: Positions to judge by; if empty, the training samples stand in for them.
        train_eval_rows: Fixed training positions, measured without augmentation.
        metric: The primary metric of raw outputs (n, ...) at the given positions.
        normalization: Applied to uint8 inputs after augmentation.
        augment: Varies a batch of float images in [0, 1]; training only.
        drawn: Training inputs at given positions, of views that the generator chooses; None: they
            are those of `inputs`.
    """

    inputs: Inputs
    targets: Any
    train_rows: Rows
    val_rows: Rows
    train_eval_rows: Rows
    metric: OutputMetric
    normalization: Normalization | None = None
    augment: Augment | None = None
    drawn: Drawn | None = None


def sample_train_eval_rows(
    train_rows: Rows, *, val_count: int, seed: int, numbers: int = 1
) -> Rows:
    """The fixed, sorted part of the training rows that is measured after every pass.

    As many as there are validation rows, so that both losses are equally sure, but at least 500
    where the training part has them. Large images are dear: of these it is at least 100.

    Args:
        train_rows: To choose from.
        val_count: Number of validation rows.
        seed: The recipe's.
        numbers: Of a sample's input.

    >>> len(sample_train_eval_rows(np.arange(2000), val_count=700, seed=0))
    700
    >>> len(sample_train_eval_rows(np.arange(2000), val_count=50, seed=0, numbers=3 * 224 * 224))
    111
    """
    affordable = max(FEW_TRAIN_EVAL_ROWS, TRAIN_EVAL_NUMBERS // numbers)
    least = min(LEAST_TRAIN_EVAL_ROWS, affordable)
    count = min(len(train_rows), max(least, val_count))
    chosen = generator(seed, "train-eval").choice(train_rows, size=count, replace=False)
    return np.asarray(np.sort(chosen), dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Watch:
    """What is around a run and does not decide its weights.

    Args:
        listener: Told about the progress.
        deadline: Reading of `clock` at which the run must be over; None: no limit.
        clock: Seconds, monotonic.
        keep: How many of the passes with the lowest validation losses leave their weights.
        losing: Asked after every pass, with the history so far, whether the run is clearly losing,
            and the rest not worth its time.
        steps: Optimiser steps after which the run must be over, as by a deadline; None: no limit.
    """

    listener: Listener = silent
    deadline: float | None = None
    clock: Callable[[], float] = time.monotonic
    keep: int = 1
    losing: Losing | None = None
    steps: int | None = None


@dataclass(frozen=True, slots=True)
class FitOutcome:
    """What a finished run of the loop leaves; the network holds the best weights.

    Args:
        history: One row a pass, the first from before the first step.
        epochs: Passes made, an unfinished one included.
        steps: Optimiser steps made.
        best_epoch: The pass whose weights were kept.
        seconds: Wall time, of all sessions if the run was resumed.
        samples_per_second: Training throughput, evaluation not counted.
        stopped_by: "finished", "patience", "budget", "losing" or "diverged".
        numerics: What was chosen, why, and the measurements behind it.
        waiting: Share of the training time in which the network waited for its next batch.
        waited_s: The seconds of that.
        kept: The passes whose weights are on disk, the best first.
    """

    history: tuple[Epoch, ...]
    epochs: int
    steps: int
    best_epoch: int
    seconds: float
    samples_per_second: float
    stopped_by: str
    numerics: Mapping[str, Any] = field(default_factory=dict)
    waiting: float = 0.0
    waited_s: float = 0.0
    kept: tuple[KeptPass, ...] = ()
