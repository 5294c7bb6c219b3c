"""Training that never left the level of a constant prediction."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from phoropter.core.records import Finding
from phoropter.diagnosis.evidence import RunEvidence
from phoropter.diagnosis.falling import falling
from phoropter.diagnosis.narrow import too_narrow
from phoropter.diagnosis.scores import score
from phoropter.diagnosis.signals import chance_loss, curve

AT_CHANCE = 0.97  # of the loss of a constant prediction
LEAST_STEPS = 30  # fewer prove nothing
WORTH = 0.03  # likewise: a loss that still falls by so much has not stalled
ERRORS = 3.0  # standard errors by which the training score may exceed a constant prediction's


def rule(evidence: RunEvidence) -> Iterator[Finding]:
    """Speaks if neither training loss nor training score is better than a constant prediction's.

    A plateau above that level is no fault by itself: good runs end on one. A network that is too
    narrow to learn is told so.
    """
    level, losses = chance_loss(evidence), curve(evidence, "train_loss")
    if level is None or len(losses) < 3 or evidence.summary.steps < LEAST_STEPS:
        return
    if too_narrow(evidence):
        return
    state = falling(losses)
    if state is not None and state.certain and state.gain >= WORTH * level:
        return
    lowest = float(np.min(losses.values))
    fitted = score(evidence, evidence.train_predictions)
    if lowest < AT_CHANCE * level:
        return
    if fitted is not None and fitted.value - fitted.chance > ERRORS * fitted.error:
        return
    yield Finding(
        "plateau",
        "critical",
        0.9,
        f"Nothing was learnt: the training loss never fell below {lowest:.3g}, and a constant "
        f"prediction has {level:.3g}.",
        {
            "lowest_train_loss": lowest,
            "chance_loss": level,
            "steps": evidence.summary.steps,
            "mark_epoch": int(losses.epochs[-1]),
        },
    )
