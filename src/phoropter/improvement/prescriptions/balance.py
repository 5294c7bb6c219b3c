"""Cures of classes that are drowned by others, and of numbers that hide it."""

from __future__ import annotations

from collections.abc import Iterator

from phoropter.core.records import Finding, Prescription
from phoropter.diagnosis.evidence import RunEvidence
from phoropter.diagnosis.norms import usual_rates
from phoropter.improvement.prescriptions.answers import fitting_answers
from phoropter.improvement.prescriptions.making import advice, prescription, rounded


def imbalance(finding: Finding, evidence: RunEvidence) -> Iterator[Prescription]:
    """Answers free of how frequent classes are, or equal weights; more samples of the rare ones."""
    if evidence.summary.schema.kind != "classes":
        return
    yield prescription(
        evidence,
        "adjusted",
        {"train.class_weights": "adjusted"},
        "Learn answers as if the classes were equally frequent (logit adjustment).",
    )
    yield prescription(
        evidence,
        "balanced",
        {"train.class_weights": "balanced"},
        "Let each class weigh the same in the loss.",
    )
    yield from fitting_answers(evidence)
    names = finding.evidence.get("rare_classes") or _rarest(evidence)
    if names:
        yield advice(
            f"Collect and label more samples of {', '.join(map(repr, names))}.",
            why="Weights do not add information about rare classes; samples do (Karpathy K23).",
        )


def collapse(finding: Finding, evidence: RunEvidence) -> Iterator[Prescription]:
    """One answer for all: balance if the classes are unequal, else a rate that is known to work."""
    counts = evidence.summary.schema.counts
    if counts and max(counts) >= 2 * max(min(counts), 1):
        yield from imbalance(finding, evidence)
    usual = rounded(usual_rates(evidence.recipe).usual)
    yield prescription(
        evidence,
        "usual-rate",
        {"train.lr": usual},
        f"Set the learning rate to {usual:g} instead of {evidence.recipe.train.lr:g}.",
        share=0.2,
    )


def metric(_finding: Finding, evidence: RunEvidence) -> Iterator[Prescription]:
    """The metric belongs to the project, not to a recipe: advice only."""
    better = "macro_f1" if evidence.summary.schema.kind == "classes" else "rmse"
    yield advice(
        f"Judge this project by {better}.",
        why="A metric that rewards constant answers cannot tell models apart.",
        cost=0.0,
    )


def _rarest(evidence: RunEvidence) -> list[str]:
    schema = evidence.summary.schema
    pairs = sorted(zip(schema.counts, schema.names, strict=False))
    return [name for _, name in pairs[: max(1, len(pairs) // 10)]]
