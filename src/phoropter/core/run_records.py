"""What a run leaves behind: its outcome, its curves, and what went on inside the network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from phoropter.core.records import Metric, TargetSchema


@dataclass(frozen=True, slots=True)
class Epoch:
    """One row of a run's history. Losses and metrics are measured in eval mode.

    Args:
        epoch: 0 is before the first step; n is after the n-th pass.
        step: Optimiser steps taken so far.
        lr: Learning rate of the last step.
        running_loss: Mean of the training losses of the pass, as optimised (augmented, train mode).
        train_loss: Loss on a fixed, unaugmented part of the training samples.
        val_loss: Loss on the validation part.
        train_metric: Primary metric on that fixed part.
        val_metric: Primary metric on the validation part.
        grad_norm: Median gradient norm of the pass before clipping.
        worst_loss: Largest single-step training loss of the pass (not finite after divergence).
    """

    epoch: int
    step: int
    lr: float
    running_loss: float | None
    train_loss: float | None
    val_loss: float | None
    train_metric: float | None
    val_metric: float | None
    grad_norm: float | None
    worst_loss: float | None


@dataclass(frozen=True, slots=True)
class PassSignals:
    """What happened inside the network in one pass; norms are Euclidean.

    Args:
        epoch: The pass, from 1.
        blocks: Names of the network's blocks, from the input to the output, without those that were
            frozen when the pass was begun.
        grad_norms: Of each block, root mean square over the measured steps, before clipping.
        update_ratios: Of each block, the length of a step over that of the weights; None where all
            of them were zero, or nothing was measured.
        gradient_cosine: Of two consecutive steps' gradients; None if there was only one step.
        inactive: Share of units of each activation layer that are dead or saturated on all of the
            first training samples.
    """

    epoch: int
    blocks: tuple[str, ...]
    grad_norms: tuple[float | None, ...]
    update_ratios: tuple[float | None, ...]
    gradient_cosine: float | None
    inactive: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class SampleDynamics:
    """How each of a fixed set of training samples fared, pass by pass.

    The samples are those of the run's predictions on training samples, in the same order.

    Args:
        epochs: The passes, 0 is before the first step, shape (k,).
        losses: Plain loss of each sample, shape (k, n).
        answers: The class with the highest score, or the first value (standardised), shape (k, n).
    """

    epochs: NDArray[np.int64]
    losses: NDArray[np.float64]
    answers: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class KeptPass:
    """A pass whose weights were kept.

    Args:
        epoch: The pass; 0 is the start.
        val_loss: On the validation part; None if it was not finite.
        weights: Their file, relative to the run's folder.
    """

    epoch: int
    val_loss: float | None
    weights: str


@dataclass(frozen=True, slots=True)
class RangePoint:
    """One step of a range test.

    Args:
        lr: Its learning rate.
        loss: Of its batch, before the step.
        smoothed: Moving mean of the losses so far.
    """

    lr: float
    loss: float
    smoothed: float


@dataclass(frozen=True, slots=True)
class Gate:
    """The outcome of one check made before training.

    Args:
        name: The finding code that it stands for: "loss-at-init", "batch-mixing", ...
        measured: What was measured.
        expected: What a sound set-up shows.
        passed: Whether it is sound.
        evidence: Further numbers.
    """

    name: str
    measured: float
    expected: float
    passed: bool
    evidence: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RunSummary:
    """The outcome of one recipe on one split (`run.json` in the run's folder).

    Args:
        run: Identifier: hash of recipe, data, split and code.
        metric: Name of the primary metric.
        epochs: Passes made (0 for classic models).
        steps: Optimiser steps made.
        best_epoch: The pass whose weights were kept.
        seconds: Wall time of the whole run.
        samples_per_second: Training throughput (0.0 for classic models).
        stopped_by: "finished", "patience", "budget", "losing" (far behind the run that it was to
            beat), "diverged" or "interrupted".
        numerics: What was chosen and the measurements behind it.
        schema: The target's schema.
        features: Where the classic models' or the head's inputs came from ("pixels",
            "efficientnet_lite0", ...), or "" for a network on images.
        waiting: Share of the training time in which the network waited for its next batch.
        waited_s: The seconds of that; None in records of older versions.
        own: Hash of the source of each part of the user's own, by its recipe key.
        kept: The passes whose weights were kept, the best first; empty for classic models.
        members: The runs whose answers an ensemble averages, one as often as it counts.
        made_of: Hashes of what decides the numbers, and the programs and the machine that computed
            them, by name; empty in records of older versions.
    """

    run: str
    metric: str
    epochs: int
    steps: int
    best_epoch: int
    seconds: float
    samples_per_second: float
    stopped_by: str
    numerics: Mapping[str, Any]
    schema: TargetSchema
    features: str
    own: Mapping[str, str] = field(default_factory=dict)
    waiting: float = 0.0
    waited_s: float | None = None
    kept: tuple[KeptPass, ...] = ()
    members: tuple[str, ...] = ()
    made_of: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SliceScore:
    """A metric on the samples that share a value of a column.

    Args:
        column: The property.
        value: The value, or "low to high" for a range of numbers.
        metric: Share of right answers, mean cost, or mean absolute error, with its interval.
        p_value: That some slice would look as weak by chance, corrected for all slices.
        weak: Whether it is worse than the rest, beyond the correction.
    """

    column: str
    value: str
    metric: Metric
    p_value: float
    weak: bool
