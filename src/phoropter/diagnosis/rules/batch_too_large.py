"""Batches so large that a pass has few steps, all in nearly the same direction."""

from __future__ import annotations

from collections.abc import Iterator

from phoropter.core.records import Finding
from phoropter.diagnosis.evidence import RunEvidence
from phoropter.diagnosis.falling import falling
from phoropter.diagnosis.norms import usual_rates
from phoropter.diagnosis.passes import gradient_cosine, loss_left, samples_a_step, steps_a_pass
from phoropter.diagnosis.scores import score
from phoropter.diagnosis.signals import chance_loss, curve

ALIKE = 0.8  # cosine of consecutive gradients: a fifth of the batch would do (see `rule`)
SMALL = 32  # samples: no batch up to it is too large (Masters & Luschi 2018)
FEW_STEPS = 200  # by then a usual rate has left the start; with fewer, the number is to blame
GAIN = 0.03  # of the loss of a constant prediction: what twice the steps must promise
FAR = 0.5  # likewise: training loss that a few steps have hardly touched
FITTED = 0.05  # training error below which more of the same only polishes the probabilities


def rule(evidence: RunEvidence) -> Iterator[Finding]:
    """Speaks if gradients hardly differ from batch to batch and training ended far from its end.

    The examples that training needs grow as 1 + batch / noise scale (McCandlish et al. 2018,
    equation 2.7), which is 1 / (1 - cosine): at a cosine of 0.8 five times as many as need be. A
    rate below the usual makes gradients alike, too: the weights are where they were. Where even
    small batches of the samples seen would be few steps, training was short.
    """
    size, cosine = samples_a_step(evidence), gradient_cosine(evidence)
    if size is None or cosine is None or size <= SMALL or cosine < ALIKE:
        return
    if evidence.recipe.train.lr < usual_rates(evidence.recipe).low:
        return
    if evidence.summary.stopped_by in {"patience", "diverged"} or not _unlearnt(evidence):
        return
    steps = evidence.summary.steps
    if steps * size < FEW_STEPS * SMALL:
        return
    yield Finding(
        "batch-too-large",
        "warning",
        0.8,
        f"Batches of {size} are too large: their gradients hardly differ (cosine {cosine:.2f}), "
        f"and the {steps} steps they leave were too few to learn.",
        {
            "batch_size": size,
            "gradient_cosine": cosine,
            "noise_scale": size * (1 / cosine - 1),
            "steps": steps,
            "steps_a_pass": steps_a_pass(evidence),
            "loss_left": loss_left(evidence),
            "mark_epoch": evidence.history[-1].epoch,
        },
    )


def _unlearnt(evidence: RunEvidence) -> bool:
    """Whether the training loss was still falling, or a few steps have hardly touched it."""
    level, losses, left = chance_loss(evidence), curve(evidence, "train_loss"), loss_left(evidence)
    state, fitted = falling(losses), score(evidence, evidence.train_predictions)
    if level is None or left is None or state is None or losses.values[-1] >= losses.values[0]:
        return False
    if fitted is not None and 1 - fitted.value < FITTED:
        return False
    promising = state.certain and state.gain >= GAIN * level
    return promising or (evidence.summary.steps < FEW_STEPS and left >= FAR)
