"""Cures of classes that are drowned by others, and of numbers that hide it."""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil

from phoropter.core.records import Finding, Prescription
from phoropter.diagnosis.evidence import RunEvidence
from phoropter.diagnosis.norms import usual_rates
from phoropter.diagnosis.rarity import rare
from phoropter.improvement.prescriptions.answers import fitting_answers
from phoropter.improvement.prescriptions.making import (
    advice,
    is_classic,
    is_frozen,
    prescription,
    rounded,
)

FEW = 30  # samples of the rarest class: of more, it was not measured what leaving out costs
DRAWS = 5
"""Networks that are averaged, each learnt from other samples of the frequent classes. With two
samples of the rarest class heads on five sets (10 runs) had a mean recall of .81, against .79 of
one that learnt from three times as many of the others, with adjusted logits."""
SELDOM = 30  # times as many: most batches hold no sample of the rarest
LONGER = 4
"""Times. On eight small networks, every second class thinned to 1 %, adjusted logits removed
.27 of the error on average, .39 in four times as many passes (more on six, less on two)."""


def imbalance(finding: Finding, evidence: RunEvidence) -> Iterator[Prescription]:
    """Answers free of how frequent classes are, or equal weights; more samples of the rare ones.

    On frozen features, several draws of as many samples of each class as there are of the rarest;
    where one is very rare, answers free of frequency and more time for them.
    """
    if evidence.summary.schema.kind != "classes":
        return
    yield from _fewer(evidence)
    yield from _adjusted_and_longer(evidence)
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


def _fewer(evidence: RunEvidence) -> Iterator[Prescription]:
    """Undersampling, for a linear layer on more features than it has samples of rare classes.

    It learns these by heart whatever they weigh. As many of each class, drawn several times, since
    of a few samples luck decides, and their answers averaged. Not where less than half of the
    classes are rare: what is left out of the others might cost more than it brings.
    """
    recipe = evidence.recipe
    counts = [count for count in evidence.summary.schema.counts if count > 0]
    if not is_frozen(recipe) or is_classic(recipe) or not counts:
        return
    least = min(counts)
    few = sum(rare(counts))
    left = least * len(counts)
    if 2 * few < len(counts) or least > FEW or left == sum(counts):
        return
    if recipe.data.most_of_class is not None or recipe.predict.ensemble:
        return
    epochs = _as_many_steps(evidence, left)
    yield prescription(
        evidence,
        "drawn",
        {
            "data.most_of_class": 1.0,
            "train.class_weights": "adjusted",
            "train.epochs": epochs,
            "predict.ensemble": [{"seed": recipe.seed + draw} for draw in range(1, DRAWS)],
        },
        f"Train {DRAWS} times, each on as many samples of every class as there are of the rarest "
        f"({least}), drawn anew, and average the answers; for {epochs} epochs instead of "
        f"{recipe.train.epochs}: as many steps in all.",
        cost=DRAWS,
    )


def _as_many_steps(evidence: RunEvidence, left: int) -> int:
    """Passes over `left` samples that make as many steps as the recipe's over all."""
    summary, train = evidence.summary, evidence.recipe.train
    made = summary.steps / max(summary.epochs, 1)
    batch = train.batch_size
    a_pass = ceil(left / batch) if isinstance(batch, int) else 1
    return max(train.epochs, round(train.epochs * made / a_pass))


def _adjusted_and_longer(evidence: RunEvidence) -> Iterator[Prescription]:
    """Adjusted logits for four times as long, where a class has less than one sample in 30.

    A pass shows each of its samples once, among many others.
    """
    counts = [count for count in evidence.summary.schema.counts if count > 0]
    recipe = evidence.recipe
    seldom = bool(counts) and max(counts) >= SELDOM * min(counts)
    if not seldom or is_frozen(recipe) or evidence.summary.stopped_by == "patience":
        return
    epochs = LONGER * recipe.train.epochs
    yield prescription(
        evidence,
        "adjusted-longer",
        {"train.class_weights": "adjusted", "train.epochs": epochs},
        "Learn answers as if the classes were equally frequent (logit adjustment), for "
        f"{epochs} epochs instead of {recipe.train.epochs}: rare samples are seen seldom.",
        cost=LONGER,
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
