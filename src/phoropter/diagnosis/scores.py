"""How good predictions are on a scale that all tasks share, with its standard error."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from phoropter.core.predictions import ClassPredictions, Predictions, ValuePredictions
from phoropter.core.records import TargetSchema
from phoropter.diagnosis.evidence import RunEvidence

CONSTANT_MODELS = frozenset({"majority", "mean"})  # they answer without looking, by design
BALANCED_METRICS = frozenset({"balanced_accuracy", "macro_f1", "macro_recall", "macro_precision"})


@dataclass(frozen=True, slots=True)
class Score:
    """A share of what could be right, 1.0 at best.

    Args:
        value: Accuracy, mean recall of the classes, or 1 - MSE / variance for numbers.
        error: Its standard error.
        chance: What a constant prediction scores.
        n: Samples it rests on.
    """

    value: float
    error: float
    chance: float
    n: int

    @property
    def skill(self) -> float:
        """0.0 for a constant prediction, 1.0 for a perfect one."""
        return (self.value - self.chance) / (1 - self.chance) if self.chance < 1 else 0.0


@dataclass(frozen=True, slots=True)
class Gap:
    """Training score minus validation score, with the standard error of the difference.

    Args:
        train: On training samples.
        val: On validation samples.
        unasked: Share of the training part that the former leaves out.
    """

    train: Score
    val: Score
    unasked: float = 1.0

    @property
    def value(self) -> float:
        """The difference, positive where training is better."""
        return self.train.value - self.val.value

    @property
    def error(self) -> float:
        """Standard error of the difference of two independent parts.

        What a model makes of the samples it was trained on is no estimate where all were asked: of
        the variance of the training score the share of those that were not is left (the finite
        population correction; Cochran 1977, "Sampling techniques", section 2.6).
        """
        return float(np.hypot(self.train.error * np.sqrt(self.unasked), self.val.error))


def gap(evidence: RunEvidence) -> Gap | None:
    """The generalisation gap of the kept weights, or None where a part was not recorded."""
    train = score(evidence, evidence.train_predictions)
    val = score(evidence, evidence.predictions)
    if train is None or val is None:
        return None
    whole = sum(evidence.summary.schema.counts)
    return Gap(train, val, unasked=max(0.0, 1 - train.n / whole) if whole else 1.0)


def score(evidence: RunEvidence, predictions: Predictions | None) -> Score | None:
    """The score of some predictions of a run, or None without two known truths.

    The mean recall is taken where the primary metric weighs the classes alike.
    """
    if isinstance(predictions, ClassPredictions):
        known = predictions.truth >= 0
        truth, guess = predictions.truth[known], predictions.predicted[known]
        if len(truth) < 2:
            return None
        if evidence.metric in BALANCED_METRICS:
            return _mean_recall(truth, guess)
        return _accuracy(truth, guess)
    if isinstance(predictions, ValuePredictions):
        return _explained(predictions, evidence.summary.schema)
    return None


def primary_value(evidence: RunEvidence) -> float | None:
    """The primary metric on the validation part, of the kept weights."""
    if evidence.predictions is not None:
        from phoropter.metrics import named

        return float(named(evidence.metric)(evidence.predictions))
    rows = [row.val_metric for row in evidence.history if row.val_metric is not None]
    if not rows:
        return None
    return max(rows) if evidence.greater_is_better else min(rows)


def share_error(share: float, n: int) -> float:
    """Standard error of a share of n samples, not zero at 0 or 1 (Agresti & Coull 1998).

    >>> round(share_error(0.5, 96), 3)
    0.05
    """
    centre = (share * n + 2) / (n + 4)
    return float(np.sqrt(centre * (1 - centre) / (n + 4)))


def _accuracy(truth: NDArray[np.int64], guess: NDArray[np.int64]) -> Score:
    value = float(np.mean(truth == guess))
    n = len(truth)
    return Score(value, share_error(value, n), float(np.bincount(truth).max() / n), n)


def _mean_recall(truth: NDArray[np.int64], guess: NDArray[np.int64]) -> Score:
    classes, counts = np.unique(truth, return_counts=True)
    recalls = [float(np.mean(guess[truth == name] == name)) for name in classes]
    errors = [share_error(recall, n) for recall, n in zip(recalls, counts, strict=True)]
    error = float(np.sqrt(np.sum(np.square(errors))) / len(classes))
    return Score(float(np.mean(recalls)), error, 1 / len(classes), len(truth))


def squared_errors(predictions: ValuePredictions, schema: TargetSchema) -> NDArray[np.float64]:
    """Of each sample with a known truth, in units of the training part's variance, shape (m,)."""
    known = np.isfinite(predictions.truth).all(axis=1)
    truth, values = predictions.truth[known], predictions.values[known]
    scale = np.asarray(schema.scale) if schema.scale else truth.std(axis=0)
    return np.asarray((((values - truth) / np.where(scale > 0, scale, 1.0)) ** 2).mean(axis=1))


def _explained(predictions: ValuePredictions, schema: TargetSchema) -> Score | None:
    if np.isfinite(predictions.truth).all(axis=1).sum() < 2:
        return None
    squared = squared_errors(predictions, schema)
    error = float(squared.std(ddof=1) / np.sqrt(len(squared)))
    return Score(1 - float(squared.mean()), error, 0.0, len(squared))
