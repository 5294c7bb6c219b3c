"""Gradients that grow out of proportion."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from phoropter.core.records import Finding
from phoropter.diagnosis.evidence import RunEvidence
from phoropter.diagnosis.signals import chance_loss, curve

HUGE = 1e3  # losses here are of order one, and so are the gradients of sound networks
GROWTH = 100.0  # over the smallest norm before it
ROSE = 0.25  # of a constant prediction's loss: near zero a loss rises to many times what it was


def rule(evidence: RunEvidence) -> Iterator[Finding]:
    """Speaks if the median gradient norm is huge, or grew a hundredfold while the loss rose."""
    norms = curve(evidence, "grad_norm")
    if not len(norms):
        return
    peak = int(norms.values.argmax())
    largest, epoch = float(norms.values[peak]), int(norms.epochs[peak])
    smallest = float(norms.values[: peak + 1].min())
    grown = largest >= GROWTH * smallest and largest >= 1.0 and _loss_rose(evidence, epoch)
    if largest < HUGE and not grown:
        return
    yield Finding(
        "exploding-gradient",
        "warning",
        0.85,
        f"The gradient explodes: in epoch {epoch} its median norm is {largest:.3g}"
        + (f", after {smallest:.3g} before." if peak else "."),
        {"mark_epoch": epoch, "largest_norm": largest, "smallest_norm_before": smallest},
    )


def _loss_rose(evidence: RunEvidence, epoch: int) -> bool:
    passes = curve(evidence, "running_loss")
    before = passes.values[passes.epochs < epoch]
    there = passes.values[passes.epochs == epoch]
    if not len(before) or not len(there):
        return False
    least = float(np.min(before))
    level = chance_loss(evidence) or 0.0
    return bool(there[0] > max(1.5 * least, least + ROSE * level))
