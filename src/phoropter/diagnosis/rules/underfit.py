"""A model that does not even get its training samples right."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from phoropter.core.records import Finding, Metric, Severity
from phoropter.diagnosis.evidence import RunEvidence
from phoropter.diagnosis.falling import falling
from phoropter.diagnosis.narrow import too_narrow
from phoropter.diagnosis.scores import CONSTANT_MODELS, Gap, gap, primary_value
from phoropter.diagnosis.signals import best_epoch, curve

LOW_SKILL = 0.6  # of the way from a constant prediction to a perfect one, on training samples
ALONE_SKILL = 0.4
"""Likewise, of a warning that nothing else supports. Between the two lie data that allow no more:
sound networks on birds and cats of 16 px came to .56 to .72."""
NARROW_SKILL = 0.95  # likewise, of a network too narrow for its classes
SMALL_GAP = 0.08  # training score minus validation score
ERRORS = 2.0  # standard errors of that gap
UNBENT = 0.4  # fall of the second half over the first: training has only begun
WORTH = 0.1  # of the training loss: what twice the time would still bring
LATER = 0.85  # of the kept weights' training loss: the model could fit, had it been of use


def rule(evidence: RunEvidence) -> Iterator[Finding]:
    """Speaks if the training score is low and the validation score not much lower.

    A low training score may be all that the data allow. So where baselines were measured, one of
    them must be ahead for more than an "info"; where none were, it must be lower still; or the
    network too narrow for its classes.
    """
    found = gap(evidence)
    if found is None or not evidence.history:
        return
    narrow = too_narrow(evidence)
    if found.train.skill + ERRORS * found.train.error >= (NARROW_SKILL if narrow else LOW_SKILL):
        return
    if found.value > max(SMALL_GAP, ERRORS * found.error) or (_early(evidence) and not narrow):
        return
    severity, confidence = _weight(evidence, found, narrow=narrow)
    yield Finding(
        "underfit",
        severity,
        confidence,
        f"The model gets only {found.train.value:.1%} of its own training samples right "
        f"({found.val.value:.1%} on validation): it is too small, too constrained, or sees too "
        "little."
        if evidence.summary.schema.kind == "classes"
        else f"The model explains only {found.train.value:.1%} of the variance of its own training "
        f"targets ({found.val.value:.1%} on validation).",
        _numbers(found),
    )


def _early(evidence: RunEvidence) -> bool:
    """Whether time would tell: the loss still falls fast, or fell well below the kept weights'."""
    losses, best = curve(evidence, "train_loss"), best_epoch(evidence)
    kept = losses.values[losses.epochs == best]
    if len(kept) and losses.values[-1] < LATER * kept[0]:
        return True
    state = falling(losses)
    fast = state is not None and (state.bend >= UNBENT or state.gain >= WORTH * state.last)
    return fast and state is not None and state.certain


def _weight(evidence: RunEvidence, found: Gap, *, narrow: bool) -> tuple[Severity, float]:
    if narrow:
        return "warning", 0.9
    rivals = [metric for name, metric in evidence.ladder.items() if name not in CONSTANT_MODELS]
    if not rivals:
        low = found.train.skill + ERRORS * found.train.error < ALONE_SKILL
        return ("warning", 0.6) if low else ("info", 0.4)
    own = primary_value(evidence)
    if own is not None and any(_ahead(metric, own, evidence) for metric in rivals):
        return "warning", 0.9
    return "info", 0.4


def _ahead(metric: Metric, own: float, evidence: RunEvidence) -> bool:
    return bool(np.isfinite(own)) and (
        metric.low > own if evidence.greater_is_better else metric.high < own
    )


def _numbers(found: Gap) -> dict[str, float]:
    return {
        "train_score": found.train.value,
        "val_score": found.val.value,
        "train_skill": found.train.skill,
        "gap": found.value,
        "gap_error": found.error,
    }
