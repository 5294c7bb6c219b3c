"""Cures of models that learn too little, too briefly, or too much by heart."""

from __future__ import annotations

from collections.abc import Iterator

from phoropter.core.records import Finding, Prescription
from phoropter.diagnosis.evidence import RunEvidence
from phoropter.diagnosis.falling import FIRST_STEPS
from phoropter.diagnosis.norms import usual_rates
from phoropter.improvement.prescriptions import changes, depth, restraints
from phoropter.improvement.prescriptions.making import (
    advice,
    is_classic,
    is_frozen,
    is_small_net,
    prescription,
    rounded,
)

MANY_TIMES = 4  # longer: so short a run says nothing of its rate
MOST_OF_A_RUN = 0.9  # a fall of the loss never promises more of the error
OTHER_RATE = 0.2  # of the error, by another usual rate than one that is usual already


def undertrained(finding: Finding, evidence: RunEvidence) -> Iterator[Prescription]:
    """As many epochs as the curve asks for, or twice as many; longer steps where they are short.

    Of a run that would be no fair first one if it were doubled, twice as many is no cure. Sigmoids
    in depth learn slowly for as long as they are there.
    """
    told = finding.evidence
    loss, twice = told.get("val_loss"), told.get("expected_fall")
    times, fall = int(told.get("times_longer", 2)), told.get("fall_if_so", twice)
    share = min(float(fall) / float(loss), MOST_OF_A_RUN) if loss and fall else None
    if loss is not None and loss < 0:  # of which there are no shares
        share = None
    if evidence.recipe.model.activation == "sigmoid":
        yield from depth.passing(evidence, share=share)
    yield from changes.longer(evidence, factor=times, share=share)
    fair = 2 * evidence.summary.steps >= FIRST_STEPS
    if share is not None and twice and times > 2 and fair:
        yield from changes.longer(evidence, share=share * float(twice) / float(fall))
    yield from changes.longer_and_varied(evidence, factor=max(times, 4), share=share)
    lr, usual = evidence.recipe.train.lr, usual_rates(evidence.recipe)
    if times <= MANY_TIMES and lr * 3 <= usual.usual:
        yield prescription(
            evidence,
            "higher-rate",
            {"train.lr": rounded(lr * 3)},
            f"Take longer steps: learning rate {rounded(lr * 3):g} instead of {lr:g}.",
            share=None if share is None else share * 0.7,
        )


def underfit(_finding: Finding, evidence: RunEvidence) -> Iterator[Prescription]:
    """More capacity: fine-tuning, a pretrained trunk, width, pixels; then fewer restraints."""
    yield from changes.fine_tune(evidence)
    yield from changes.pretrained_trunk(evidence)
    yield from changes.wider(evidence)
    yield from changes.larger_images(evidence)
    yield from changes.less_augmentation(evidence)
    yield from _less_dropout(evidence)
    yield from changes.longer(evidence)


def overfit(_finding: Finding, evidence: RunEvidence) -> Iterator[Prescription]:
    """More variety, then more restraint, then less room, and always more data."""
    yield from changes.more_augmentation(evidence)
    yield from changes.mixed_samples(evidence)
    yield from changes.pretrained_trunk(evidence)
    yield from changes.fine_tune(evidence)
    share = restraints.of_a_head(evidence)
    yield from restraints.smoother_labels(evidence, share=share)
    yield from restraints.more_weight_decay(evidence, share=share)
    yield from restraints.more_dropout(evidence, share=share)
    yield from changes.smaller(evidence)
    yield from changes.more_data(evidence)


def plateau(_finding: Finding, evidence: RunEvidence) -> Iterator[Prescription]:
    """Nothing was learnt: another rate, layers that pass gradients, and a look at the labels."""
    recipe = evidence.recipe
    usual = usual_rates(recipe)
    at_fault = not usual.holds(recipe.train.lr)
    if not is_classic(recipe):
        for rate in (usual.usual, usual.usual / 10):
            if rounded(rate) == recipe.train.lr:
                continue
            yield prescription(
                evidence,
                "usual-rate",
                {"train.lr": rounded(rate)},
                f"Set the learning rate to {rounded(rate):g} instead of {recipe.train.lr:g}.",
                share=None if at_fault else OTHER_RATE,
            )
    yield from depth.passing(evidence)
    if is_small_net(recipe) and recipe.model.activation in depth.SATURATING:
        yield prescription(
            evidence, "normalise", {"model.activation": "relu"}, "Use ReLU as the activation."
        )
    if is_small_net(recipe) and recipe.model.norm == "none":
        yield prescription(
            evidence, "normalise", {"model.norm": "batch"}, "Put in normalisation layers."
        )
    yield advice(
        "Check that images and labels belong together: look at some of them side by side.",
        why="Shuffled labels and constant inputs look exactly like this (Karpathy 2019, K11).",
        cost=0.0,
    )


def _less_dropout(evidence: RunEvidence) -> Iterator[Prescription]:
    old = evidence.recipe.model.dropout
    if old > 0 and not is_frozen(evidence.recipe):
        yield prescription(
            evidence,
            "less-regularisation",
            {"model.dropout": 0.0},
            f"Train without dropout (it was {old:g}).",
        )
