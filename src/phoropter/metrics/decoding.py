"""Temperature and decision of a run, fitted on its validation part, and honest numbers about them.

What is fitted on the validation part makes that part look better than others. Its own predictions
are therefore decoded by fifths, each by what the other four would have chosen; what travels with
the model is chosen on all of it, and the sealed test part judges that.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from phoropter.core.decoding import Decision, Decoding, decide
from phoropter.core.predict_recipe import PredictRecipe
from phoropter.core.predictions import ClassPredictions
from phoropter.core.seed import generator
from phoropter.metrics.temperature import fit_temperature, tempered
from phoropter.metrics.thresholds import choose

FOLDS = 5


def fit_decoding(
    predictions: ClassPredictions, recipe: PredictRecipe, *, positive: str
) -> Decoding:
    """What the recipe asks for, fitted on these predictions, which must be undecoded.

    Raises:
        UsageError: If the threshold's rule cannot be followed on them.
    """
    temperature = fit_temperature(predictions) if recipe.calibration == "temperature" else 1.0
    if recipe.threshold == "none":
        return Decoding(temperature)
    decision = choose(tempered(predictions, temperature), recipe.threshold, positive)
    return Decoding(temperature, decision)


def decoded(predictions: ClassPredictions, decoding: Decoding) -> ClassPredictions:
    """The predictions with the temperature and the decision applied."""
    scaled = tempered(predictions, decoding.temperature)
    if decoding.decision is None:
        return scaled
    named = decide(scaled.probabilities, scaled.classes, decoding.decision)
    return replace(scaled, decided=named)


def cross_decoded(
    predictions: ClassPredictions, recipe: PredictRecipe, *, positive: str, seed: int
) -> ClassPredictions:
    """The predictions, each fifth decoded by what was fitted on the other four.

    Raises:
        UsageError: If the threshold's rule cannot be followed on four fifths.
    """
    fold = _folds(predictions.truth, seed)
    parts = [np.flatnonzero(fold == index) for index in range(FOLDS)]
    told = [
        decoded(
            predictions.take(rows),
            fit_decoding(
                predictions.take(np.flatnonzero(fold != index)), recipe, positive=positive
            ),
        )
        for index, rows in enumerate(parts)
    ]
    order = np.argsort(np.concatenate(parts), kind="stable")
    decisions = [part.decided for part in told if part.decided is not None]
    return replace(
        predictions,
        probabilities=np.concatenate([part.probabilities for part in told])[order],
        decided=np.concatenate(decisions)[order] if decisions else None,
    )


def left_in_each_fold(count: int) -> int:
    """How many of a class's `count` samples the other four fifths hold at least.

    >>> left_in_each_fold(11)
    8
    """
    return count - -(-count // FOLDS)


def metric_names(decision: Decision | None) -> tuple[str, ...]:
    """The metrics that say what a decision is for; see `metrics.expressions`."""
    if decision is None:
        return ()
    if decision.costs:
        return (decision.rule,)
    beta = decision.rule if decision.rule.startswith("f") else "f1"
    names = ("precision", "recall", "specificity", beta)
    return tuple(f"{name}({decision.positive})" for name in names)


def _folds(truth: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """A fold for each sample, shape (n,): each class dealt evenly, in random order."""
    draws = generator(seed, "cross-decoding")
    shuffled = draws.permutation(len(truth))
    by_class = shuffled[np.argsort(truth[shuffled], kind="stable")]
    fold = np.empty(len(truth), dtype=np.int64)
    fold[by_class] = np.arange(len(truth)) % FOLDS
    return fold
