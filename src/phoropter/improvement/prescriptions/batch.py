"""Other batch sizes: never alone, for the learning rate belongs to the batch size."""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil
from typing import Any

from phoropter.core.recipe import Recipe
from phoropter.core.records import Finding, Prescription
from phoropter.diagnosis.evidence import RunEvidence
from phoropter.diagnosis.falling import FIRST_STEPS
from phoropter.diagnosis.norms import usual_rates
from phoropter.improvement.prescriptions.making import (
    is_classic,
    is_small_net,
    prescription,
    rounded,
)

SMALLEST, LARGEST = 8, 512
STEP = 4
ENOUGH = 32  # statistics of as many images are as good as those of more (Wu & He 2018)
_BY_SQUARE_ROOT = {"adagrad", "adam", "adamax", "adamw", "rmsprop"}


def matching_rate(recipe: Recipe, batch: int, *, of: int) -> float:
    """The learning rate for batches of `batch` that makes steps like the recipe's of `of`.

    In proportion to the batch for plain and momentum steps, whose noise falls with the batch
    (Goyal et al., "Accurate, large minibatch SGD", 2017); with its square root where the gradient's
    size is divided out (Malladi et al., "On the SDEs and scaling rules for adaptive gradient
    algorithms", NeurIPS 2022).

    >>> adamw = Recipe().changed({"train.lr": 0.001})
    >>> matching_rate(adamw, 16, of=64), matching_rate(adamw, 256, of=64)
    (0.0005, 0.002)
    """
    power = 0.5 if recipe.train.optimizer in _BY_SQUARE_ROOT else 1.0
    return rounded(recipe.train.lr * (batch / of) ** power)


def too_small(finding: Finding, evidence: RunEvidence) -> Iterator[Prescription]:
    """For "batch-too-small": four times as many samples a step, 32 at least.

    At the rate that goes with it, but not beyond the usual one, and for as many passes as make as
    many steps as there were, or as a fair first run makes.

    Where the statistics of batches are at fault, also a normalisation that needs none.
    """
    batch = _known(evidence)
    if batch is not None and batch < LARGEST:
        yield _other(evidence, min(max(batch * STEP, ENOUGH), LARGEST), of=batch)
    if "cost" in finding.evidence and is_small_net(evidence.recipe):
        yield prescription(
            evidence,
            "other-norm",
            {"model.norm": "group"},
            "Normalise groups of channels instead of batches.",
        )


def too_large(_finding: Finding, evidence: RunEvidence) -> Iterator[Prescription]:
    """For "batch-too-large": a quarter of the samples a step, at the rate that goes with it."""
    batch = _known(evidence)
    if batch is not None and batch > SMALLEST:
        yield _other(evidence, max(batch // STEP, SMALLEST), of=batch)


def _known(evidence: RunEvidence) -> int | None:
    """Samples a step of the run; None where there are no steps, or the number is not recorded."""
    batch: int | str = evidence.recipe.train.batch_size
    if batch == "full":
        batch = sum(evidence.summary.schema.counts) or batch
    return batch if isinstance(batch, int) and not is_classic(evidence.recipe) else None


def _other(evidence: RunEvidence, batch: int, *, of: int) -> Prescription:
    rate, lr = matching_rate(evidence.recipe, batch, of=of), evidence.recipe.train.lr
    change: dict[str, Any] = {"train.batch_size": batch}
    epochs, passes = evidence.recipe.train.epochs, ""
    if batch > of:
        rate = min(rate, max(lr, usual_rates(evidence.recipe).usual))
        if (longer := _epochs_for_steps(evidence, batch)) > epochs:
            change["train.epochs"] = longer
            passes = (
                f", for {longer} epochs instead of {epochs}, since there are fewer steps in one"
            )
    return prescription(
        evidence,
        "larger-batch" if batch > of else "smaller-batch",
        {**change, "train.lr": rate},
        f"Train on {batch} samples a step instead of {of}, with the learning rate that goes with "
        f"it ({rate:g} instead of {lr:g}){passes}.",
        cost=change.get("train.epochs", epochs) / epochs,
    )


def _epochs_for_steps(evidence: RunEvidence, batch: int) -> int:
    """Passes in batches of `batch` that make the run's steps, or those of a fair first run.

    What is learnt in some hundred steps depends on their number more than on that of the samples in
    them (Shallue et al., "Measuring the effects of data parallelism", JMLR 2019).
    """
    samples = sum(evidence.summary.schema.counts)
    if not samples:
        return 0
    return ceil(min(evidence.summary.steps, FIRST_STEPS) / ceil(samples / batch))
