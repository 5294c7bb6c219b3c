"""Which of the models that were trained anyway answer best together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from phoropter.core.predictions import ClassPredictions, Predictions, ValuePredictions
from phoropter.core.recipe import Recipe, difference
from phoropter.core.seed import generator
from phoropter.metrics.function import Floats, known_rows
from phoropter.metrics.scores import EPSILON
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
    table, loss = _averageable(said)
    if table.shape[1] == 0:
        return (0,)
    alone = loss(table)
    chosen = [int(np.argmin(alone))]
    reached, total = float(alone[chosen[0]]), table[chosen[0]].copy()
    for size in range(2, ROUNDS + 1):
        tried = loss((total + table) / size)
        if len(set(chosen)) == MOST:
            tried[[at for at in range(len(said)) if at not in chosen]] = np.inf
        best = int(np.argmin(tried))
        if tried[best] >= reached:
            break
        chosen.append(best)
        reached, total = float(tried[best]), total + table[best]
    return tuple(chosen)


def _averageable(said: Sequence[Predictions]) -> tuple[Floats, Callable[[Floats], Floats]]:
    """Numbers whose mean over models is that of the ensemble, and the loss of each row of such.

    Of classes the probabilities of the truth, shape (models, samples), and the log loss; of numbers
    the errors, shape (models, samples x targets), and the squared error. Samples of unknown truth
    are left out.
    """
    rows = np.flatnonzero(known_rows(said[0]))
    if isinstance(said[0], ClassPredictions):
        places = rows, said[0].truth[rows]
        own = [one.probabilities[places] for one in said if isinstance(one, ClassPredictions)]
        return np.stack(own), lambda means: -np.log(np.clip(means, EPSILON, 1)).mean(axis=1)
    numbers = [one for one in said if isinstance(one, ValuePredictions)]
    errors = [(one.values - one.truth)[rows].ravel() for one in numbers]
    return np.stack(errors), lambda means: np.square(means).mean(axis=1)


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
