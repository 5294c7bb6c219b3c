"""The training part without what frequent classes have more of than a recipe allows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from phoropter.core.errors import UsageError
from phoropter.core.recipe import Recipe
from phoropter.core.seed import generator
from phoropter.training.problem import Problem


def learnt_from(recipe: Recipe, problem: Problem) -> Problem:
    """The problem with the training samples that the recipe asks for; its statistics stay.

    Which samples of a class stay is drawn once, by the seed: seen a few at a time, all of them
    would be learnt by heart together with the rare ones, and a border that keeps its distance from
    many of one class and few of another lies too near the few (Wallace et al., "Class imbalance,
    redux", ICDM 2011; Chatterji, Haque and Hashimoto, "Undersampling is a minimax optimal
    robustness intervention in nonparametric classification", TMLR 2023).

    Raises:
        UsageError: If what is predicted are no classes.
    """
    most = recipe.data.most_of_class
    if most is None:
        return problem
    if problem.schema.kind != "classes":
        raise UsageError(
            f"data.most_of_class is {most:g}, and {problem.schema.kind!r} are no classes.",
            hint="Leave data.most_of_class out.",
        )
    rows = problem.rows("train")
    labels = np.asarray(problem.task.encode(problem.dataset, rows, problem.schema))
    counts = np.bincount(labels[labels >= 0])
    allowed = int(most * counts[counts > 0].min())
    kept = [labels < 0]
    for label in np.flatnonzero(counts):
        places = np.flatnonzero(labels == label)
        order = generator(recipe.seed, "most of class", int(label)).permutation(places)
        kept.append(np.isin(np.arange(len(rows)), order[:allowed]))
    learnt = rows[np.any(kept, axis=0)]
    return replace(problem, learnt=learnt, schema=problem.task.schema(problem.dataset, learnt))
