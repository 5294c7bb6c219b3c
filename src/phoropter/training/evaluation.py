"""Loss, metric and raw outputs of some samples, in eval mode."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from phoropter.core.protocols import Objective
from phoropter.core.records import Rows
from phoropter.training.feed import ALONE, Feed
from phoropter.training.records import OutputMetric
from phoropter.training.team import Team


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """What a network says about some samples.

    Args:
        loss: Mean of the plain per-sample losses.
        metric: The primary metric; None where an output is not finite.
        outputs: Raw outputs (n, ...), float32.
        losses: Plain losses (n,), float32.
    """

    loss: float
    metric: float | None
    outputs: NDArray[np.float32]
    losses: NDArray[np.float32]


@torch.inference_mode()
def evaluate(
    objective: Objective,
    feed: Feed,
    *,
    rows: Rows,
    metric: OutputMetric | None,
    precision: AbstractContextManager[object],
    team: Team = ALONE,
) -> Evaluation:
    """Evaluates the rows; the networks are in eval mode already.

    The loss is summed in double precision over samples, so that it does not depend on how they
    fall into batches by more than rounding.
    """
    outputs, losses = [], []
    with precision:
        for inputs, targets in feed.evaluation(rows):
            batch_outputs, batch_losses = objective.evaluate(inputs, targets)
            outputs.append(batch_outputs.float().cpu())
            losses.append(batch_losses.double().cpu())
    shares = team.gathered((outputs, losses))
    said = torch.cat([piece for share in shares for piece in share[0]]).numpy()
    each = torch.cat([piece for share in shares for piece in share[1]])
    usable = metric is not None and bool(np.isfinite(said).all())
    measured = float(metric(said, rows)) if metric and usable else None
    return Evaluation(float(each.mean()), measured, said, each.float().numpy())
