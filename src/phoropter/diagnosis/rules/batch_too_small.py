"""Batches too small for the statistics or the gradient that are taken from them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from phoropter.core.records import Finding
from phoropter.diagnosis import curves
from phoropter.diagnosis.evidence import RunEvidence
from phoropter.diagnosis.norms import usual_rates
from phoropter.diagnosis.passes import (
    gradient_cosine,
    in_training_and_in_use,
    loss_left,
    samples_a_step,
)
from phoropter.diagnosis.signals import chance_loss, curve

FEWEST = 2  # samples whose statistics cost a ResNet-50 half as many errors again (Wu & He 2018)
FEW = 16  # samples below which batch statistics are noise (Tuning Playbook, P37; Wu & He 2018)
NOTED = 0.05  # loss that the statistics of a batch cost, in units of a constant prediction's
CLEAR = 0.1  # likewise; batches of 32 cost 0.01 to 0.02
RESTLESS = 0.05  # noise of the training loss, in the same units
TURNS = 0.4  # share of turning points of an unsettled curve (white noise: 2/3)
UNSETTLED = 0.1  # training loss at the end, in the same units
NOISY = 0.1  # share of a gradient that is no noise: its noise scale is nine batches
MOST_DROPOUT = 0.4  # more raises the optimised loss by itself


def rule(evidence: RunEvidence) -> Iterator[Finding]:
    """Speaks if batch statistics cost loss, or if gradients are noise and the loss is restless."""
    size, level = samples_a_step(evidence), chance_loss(evidence)
    if size is None or level is None or level <= 0:
        return
    batch = size // evidence.recipe.train.accumulate  # what the statistics are taken from
    cost = _cost_of_statistics(evidence, level) if batch < FEW else None
    if cost is not None and cost >= NOTED:
        yield Finding(
            "batch-too-small",
            "warning" if cost >= CLEAR or batch <= FEWEST else "info",
            0.9,
            f"Batches of {batch} are too small for batch normalisation: by the statistics of a "
            f"batch the training loss is {cost * level:.2g} higher than by those of all of them.",
            {"batch_size": batch, "cost": cost * level, "chance_loss": level},
        )
        return
    if batch <= FEWEST and _normalises_batches(evidence):
        yield _fewest(batch)
        return
    yield from _noisy(evidence, size, level)


def _fewest(batch: int) -> Finding:
    """Of so few images statistics are noise, even where a small network put up with it."""
    return Finding(
        "batch-too-small",
        "warning",
        0.6,
        f"Batches of {batch} are too small for batch normalisation: with 2 images a batch a "
        "ResNet-50 made 34.7 % errors on ImageNet instead of 23.6 % (Wu & He 2018).",
        {"batch_size": batch},
    )


def _cost_of_statistics(evidence: RunEvidence, level: float) -> float | None:
    """By how much the loss in training exceeds that in use, in units of `level`; None if unknown.

    The running loss of a pass lies between the losses before and after it, unless something makes
    training harder than use. What else could must be switched off.
    """
    if not _normalises_batches(evidence) or not _comparable(evidence):
        return None
    losses = in_training_and_in_use(evidence)
    excess = losses[:, 0] - losses[:, 1]
    half = excess[len(excess) // 2 :]
    return float(np.median(half)) / level if len(half) else None


def _normalises_batches(evidence: RunEvidence) -> bool:
    """Known of the small networks alone; pretrained ones keep their statistics in small batches."""
    recipe = evidence.recipe
    small = recipe.model.name in {"cnn", "mlp", "xception_small"} and not evidence.summary.features
    return small and recipe.model.norm == "batch" and recipe.train.norm_statistics != "kept"


def _comparable(evidence: RunEvidence) -> bool:
    recipe, augment = evidence.recipe, evidence.recipe.data.augment
    return (
        recipe.train.label_smoothing == 0
        and recipe.train.class_weights == "none"
        and recipe.train.loss in {"auto", "cross_entropy", "mse"}
        and recipe.train.ema is None
        and recipe.model.dropout < MOST_DROPOUT
        and augment == type(augment)(flip=augment.flip)
    )


def _noisy(evidence: RunEvidence, size: int, level: float) -> Iterator[Finding]:
    """A loss that never settles at a usual rate, on gradients that are nearly all noise.

    Where it settles as the rate decays, the decay has done what larger batches would (Smith et al.,
    "Don't decay the learning rate, increase the batch size", ICLR 2018).
    """
    cosine, left = gradient_cosine(evidence), loss_left(evidence)
    losses = curve(evidence, "train_loss").values
    middle = losses[len(losses) // 8 : max(len(losses) * 3 // 4, 4)]
    if cosine is None or left is None or len(middle) < 5:
        return
    jitter = curves.noise(middle) / level
    calmed = curves.end_noise(losses) < RESTLESS * level
    restless = jitter >= RESTLESS and curves.sign_changes(middle) >= TURNS and left >= UNSETTLED
    usual = evidence.recipe.train.lr <= usual_rates(evidence.recipe).usual
    if cosine > NOISY or calmed or not restless or not usual:
        return
    yield Finding(
        "batch-too-small",
        "warning",
        0.7,
        f"Batches of {size} are too small: their gradients are nearly all noise (consecutive ones "
        f"have a cosine of {cosine:.2f}), and the training loss jumps by {jitter * level:.2g} from "
        "epoch to epoch.",
        {"batch_size": size, "gradient_cosine": cosine, "jitter": jitter, "loss_left": left},
    )
