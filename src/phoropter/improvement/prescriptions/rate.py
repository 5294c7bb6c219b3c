"""Cures of steps that are too long or too short."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from phoropter.core.records import Finding, Prescription
from phoropter.diagnosis.evidence import RunEvidence
from phoropter.diagnosis.norms import usual_rates
from phoropter.diagnosis.signals import curve
from phoropter.improvement.prescriptions.changes import longer
from phoropter.improvement.prescriptions.depth import passing
from phoropter.improvement.prescriptions.making import is_small_net, prescription, rounded
from phoropter.improvement.prescriptions.restraints import averaged_weights

MIN_WARMUP = 0.1
LARGEST_LR = 10.0


def too_high(finding: Finding, evidence: RunEvidence) -> Iterator[Prescription]:
    """For "diverged" and "lr-too-high": a usual rate if this one is far off, else step by step."""
    recipe = evidence.recipe
    lr, usual = recipe.train.lr, usual_rates(recipe)
    if lr > usual.high:
        yield _rate(evidence, "usual-rate", usual.usual)
    elif lr / 10 >= usual.low:
        yield _rate(evidence, "lower-rate", lr / 10, share=0.25)
    yield _rate(evidence, "lower-rate", lr / 3)
    if "train.lr" in evidence.unknown:
        yield prescription(evidence, "lower-rate", {}, "Lower the learning rate to a third.")
    yield from _warmup(evidence)
    yield from _clip(evidence)
    if finding.code == "lr-too-high" and recipe.train.schedule == "constant":
        yield prescription(
            evidence,
            "decay",
            {"train.schedule": "cosine"},
            "Let the learning rate decay to zero (cosine) instead of keeping it constant.",
        )
        yield from averaged_weights(evidence)


def too_low(finding: Finding, evidence: RunEvidence) -> Iterator[Prescription]:
    """For "lr-too-low": a usual rate if this one is below them all, else ten times, three times.

    Unnormalised sigmoids learn slowly at any rate.
    """
    if evidence.recipe.model.activation == "sigmoid":
        yield from passing(evidence)
    lr, usual = evidence.recipe.train.lr, usual_rates(evidence.recipe)
    if lr < finding.evidence.get("usual_low", usual.low):
        yield _rate(evidence, "usual-rate", usual.usual)
    elif lr * 10 <= usual.high:
        yield _rate(evidence, "higher-rate", lr * 10, share=0.35)
    if lr * 3 <= LARGEST_LR:
        yield _rate(evidence, "higher-rate", lr * 3)
    yield from longer(evidence)


def exploding(_finding: Finding, evidence: RunEvidence) -> Iterator[Prescription]:
    """For "exploding-gradient": clip, warm up, normalise, then a lower rate."""
    yield from _clip(evidence)
    yield from _warmup(evidence)
    recipe = evidence.recipe
    if is_small_net(recipe) and recipe.model.norm == "none":
        yield prescription(
            evidence,
            "normalise",
            {"model.norm": "batch"},
            "Put normalisation layers between the layers.",
        )
    yield _rate(evidence, "lower-rate", recipe.train.lr / 3)


def _rate(
    evidence: RunEvidence, idea: str, rate: float, *, share: float | None = None
) -> Prescription:
    new, old = rounded(rate), evidence.recipe.train.lr
    return prescription(
        evidence,
        idea,
        {"train.lr": new},
        f"Set the learning rate to {new:g} instead of {old:g}.",
        share=share,
    )


def _warmup(evidence: RunEvidence) -> Iterator[Prescription]:
    train = evidence.recipe.train
    if train.warmup < MIN_WARMUP and train.schedule != "one_cycle":  # which has one of its own
        yield prescription(
            evidence,
            "warmup",
            {"train.warmup": MIN_WARMUP},
            "Let the learning rate rise over the first tenth of the steps.",
        )


def _clip(evidence: RunEvidence) -> Iterator[Prescription]:
    """Clips at the median norm of the calm epochs: usual steps pass, outliers do not."""
    norms = curve(evidence, "grad_norm").values
    calm = float(np.quantile(norms, 0.25)) if len(norms) else 1.0
    limit = rounded(min(max(calm, 0.1), 10.0))
    old = evidence.recipe.train.clip
    if old is None or limit < old:
        yield prescription(
            evidence, "clip", {"train.clip": limit}, f"Clip the gradient at a norm of {limit:g}."
        )
