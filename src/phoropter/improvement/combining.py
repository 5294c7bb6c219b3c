"""Which of the models that were trained anyway answer best together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from phoropter.core.predictions import ClassPredictions, Predictions, ValuePredictions
from phoropter.core.recipe import Recipe, difference
from phoropter.core.seed import generator
from phoropter.metrics import named
from phoropter.prediction.averaging import mean_predictions

ROUNDS = 12
MOST = 4
"""Different members: each one is a network more to be run for every answer."""

_FOLDS = 5


def greedy(said: Sequence[Predictions]) -> tuple[int, ...]:
    """Positions of the models to be averaged, the best first, one as often as it counts.

    Caruana et al. (2004): begin with the best model, then add, again and again, whichever lowers
    the loss of the mean most, the same one included; stop where none does. The loss is the proper
    score (log loss, squared error), which sees more of a prediction than a metric of the winners.

    Args:
        said: By each model of the same samples, in the same order; at least one.
    """
    if not len(said[0]):
        return (0,)
    loss = named("log_loss" if said[0].kind == "classes" else "mse")
    alone = [loss(one) for one in said]
    chosen = [int(np.argmin(alone))]
    reached = alone[chosen[0]]
    for _ in range(ROUNDS - 1):
        full = len(set(chosen)) == MOST
        known = sorted(set(chosen)) if full else range(len(said))
        tried = {one: loss(_mean(said, [*chosen, one])) for one in known}
        best = min(tried, key=lambda one: tried[one])
        if tried[best] >= reached:
            break
        chosen.append(best)
        reached = tried[best]
    return tuple(chosen)


def cross_combined(said: Sequence[Predictions], *, seed: int) -> Predictions:
    """What the ensemble says, each fifth of the samples by the members that the others choose.

    The members are chosen on the validation part, and look better there than they are. These
    predictions do not: they are what is to be compared.
    """
    fold = generator(seed, "ensemble").permutation(len(said[0])) % _FOLDS
    means = []
    for at in range(_FOLDS):
        others = np.flatnonzero(fold != at)
        means.append(_mean(said, greedy([one.take(others) for one in said])))
    places = fold, np.arange(len(fold))
    if isinstance(said[0], ClassPredictions):
        shares = [one.probabilities for one in means if isinstance(one, ClassPredictions)]
        return replace(said[0], probabilities=np.stack(shares)[places])
    values = [one.values for one in means if isinstance(one, ValuePredictions)]
    return replace(said[0], values=np.stack(values)[places])


def ensemble_recipe(recipes: Sequence[Recipe], *, like: Recipe) -> Recipe:
    """One recipe whose members are these; what follows the mean is as in `like`.

    Args:
        recipes: As often as they count; the most frequent one becomes the first.
        like: The reference, which may have a temperature or a threshold.
    """
    by_digest = {recipe.digest: recipe for recipe in recipes}
    counts = Counter(recipe.digest for recipe in recipes)
    order = [by_digest[digest] for digest, count in counts.most_common() for _ in range(count)]
    first, *others = order
    return first.changed(
        {
            "predict.calibration": like.predict.calibration,
            "predict.threshold": like.predict.threshold,
            "predict.positive": like.predict.positive,
            "predict.ensemble": [difference(first, other) for other in others],
        }
    )


def described(recipes: Sequence[Recipe]) -> str:
    """The members in words, such as "2 x logistic, efficientnet_lite0"."""
    counts = Counter(recipe.digest for recipe in recipes)
    names = {recipe.digest: recipe.model.name for recipe in recipes}
    return ", ".join(
        f"{count} x {names[digest]}" if count > 1 else names[digest]
        for digest, count in counts.most_common()
    )


def _mean(said: Sequence[Predictions], chosen: Sequence[int]) -> Predictions:
    counts = Counter(chosen)
    return mean_predictions([said[at] for at in counts], list(counts.values()))
