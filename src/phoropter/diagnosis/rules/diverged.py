"""Training that blew up."""

from __future__ import annotations

from collections.abc import Iterator

from phoropter.core.records import Finding
from phoropter.diagnosis.evidence import RunEvidence
from phoropter.diagnosis.signals import chance_loss, curve, not_finite_at

BLOWN_UP = 10  # times the loss of a constant prediction: no detour on the way to a solution


def rule(evidence: RunEvidence) -> Iterator[Finding]:
    """Speaks if a loss was not finite, or ended at ten times that of a constant prediction."""
    epoch = not_finite_at(evidence)
    if epoch is None and evidence.summary.stopped_by == "diverged":
        epoch = evidence.history[-1].epoch if evidence.history else 0
    if epoch is not None:
        message = f"Training diverged in epoch {epoch}: the loss is no longer a number."
        yield Finding("diverged", "critical", 0.99, message, {"mark_epoch": epoch})
        return
    level = chance_loss(evidence)
    losses = curve(evidence, "train_loss")
    if level is None or not len(losses) or losses.values[-1] < BLOWN_UP * level:
        return
    last = float(losses.values[-1])
    first_bad = int(losses.epochs[losses.values >= BLOWN_UP * level][0])
    yield Finding(
        "diverged",
        "critical",
        0.9,
        f"Training diverged: the training loss ends at {last:.3g}, a constant prediction has "
        f"{level:.3g}.",
        {"mark_epoch": first_bad, "final_train_loss": last, "chance_loss": level},
    )
