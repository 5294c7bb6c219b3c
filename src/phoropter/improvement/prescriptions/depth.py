"""Cures of networks through which too little passes: gradients backwards, activity forwards."""

from __future__ import annotations

from collections.abc import Iterator

from phoropter.core.records import Finding, Prescription
from phoropter.diagnosis.evidence import RunEvidence
from phoropter.diagnosis.norms import usual_rates
from phoropter.improvement.prescriptions.making import (
    advice,
    is_small_net,
    prescription,
    rounded,
)

SATURATING = frozenset({"sigmoid", "tanh"})


def passing(evidence: RunEvidence, *, share: float | None = None) -> Iterator[Prescription]:
    """ReLU and normalisation together, where a network has neither: one idea, two keys.

    Normalised or not, a sigmoid's slope is a quarter at most, and ReLUs alone may still be deaf.
    """
    model = evidence.recipe.model
    both = model.activation in SATURATING and model.norm == "none"
    if not both or not is_small_net(evidence.recipe):
        return
    yield prescription(
        evidence,
        "passing",
        {"model.activation": "relu", "model.norm": "batch"},
        f"Build the layers so that gradients pass: ReLU instead of {model.activation}, and "
        "normalisation layers.",
        share=share,
    )


def vanishing(_finding: Finding, evidence: RunEvidence) -> Iterator[Prescription]:
    """Layers that pass gradients: normalisation and ReLU, either alone, fewer of them."""
    yield from passing(evidence)
    yield from _normalised(evidence)
    recipe = evidence.recipe
    if is_small_net(recipe) and recipe.model.activation in SATURATING:
        yield prescription(
            evidence,
            "steep-activation",
            {"model.activation": "relu"},
            "Use ReLU as the activation.",
        )
    if is_small_net(recipe) and recipe.model.depth > 2:
        depth = recipe.model.depth // 2
        yield prescription(
            evidence,
            "shallower",
            {"model.depth": depth},
            f"Build the network of {depth} layers instead of {recipe.model.depth}.",
            cost=0.6,
        )
    yield advice(
        "Give the network residual connections, or begin with pretrained layers.",
        why="A sum passes the gradient on whatever its other part does (He et al. 2016).",
    )


def dead(_finding: Finding, evidence: RunEvidence) -> Iterator[Prescription]:
    """Units that live: a lower rate where it is beyond the usual, normalisation, a leak."""
    recipe = evidence.recipe
    usual = usual_rates(recipe)
    if recipe.train.lr > usual.usual:
        new = rounded(usual.usual)
        yield prescription(
            evidence,
            "usual-rate",
            {"train.lr": new},
            f"Set the learning rate to {new:g} instead of {recipe.train.lr:g}.",
        )
    yield from _normalised(evidence)
    if is_small_net(recipe) and recipe.model.activation != "leaky_relu":
        yield prescription(
            evidence,
            "steep-activation",
            {"model.activation": "leaky_relu"},
            "Use an activation that is flat nowhere (leaky ReLU).",
        )
    yield advice(
        "Look at the biases that the dead units start with, and at the range of what comes in.",
        why="A unit dies of a bias far below zero, or of one step that was too long (Lu et al. "
        "2020).",
    )


def _normalised(evidence: RunEvidence) -> Iterator[Prescription]:
    if is_small_net(evidence.recipe) and evidence.recipe.model.norm == "none":
        yield prescription(
            evidence, "normalise", {"model.norm": "batch"}, "Put in normalisation layers."
        )
