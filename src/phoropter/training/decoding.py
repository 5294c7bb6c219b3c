"""The temperature and the threshold of a run: asked for by its recipe, kept in its folder."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import numpy as np
from pydantic import TypeAdapter, ValidationError

from phoropter.core.decoding import Decoding
from phoropter.core.errors import CorruptFileError, UsageError
from phoropter.core.files import read_json, write_json
from phoropter.core.predictions import ClassPredictions, Predictions
from phoropter.core.recipe import Recipe
from phoropter.metrics.decoding import cross_decoded, decoded, fit_decoding, left_in_each_fold
from phoropter.metrics.thresholds import check_rule, default_positive, least_positives
from phoropter.training.problem import Problem

FILE = "decoding.json"


def check_decoding(recipe: Recipe, problem: Problem) -> None:
    """Refuses, before any training, what cannot be chosen on this validation part.

    Raises:
        UsageError: If there are no classes, a class is unknown, or there are too few samples of it.
    """
    asked, schema = recipe.predict, problem.schema
    if asked.calibration != "none" and schema.kind != "classes":
        raise UsageError(
            "predict.calibration is for the probabilities of classes; numbers are predicted here.",
            hint="Leave it out.",
        )
    if asked.threshold == "none":
        return
    rule = check_rule(asked.threshold, asked.positive, schema)
    if rule.kind != "recall":
        return
    positive = asked.positive or default_positive(schema)
    truth = np.asarray(problem.task.encode(problem.dataset, problem.rows("val"), schema))
    count = int((truth == schema.names.index(positive)).sum())
    least = least_positives(rule.number)
    if left_in_each_fold(count) < least:
        needed = next(n for n in range(least, 2 * least + 2) if left_in_each_fold(n) >= least)
        raise UsageError(
            f"The validation part has {count} samples of {positive!r}; to warrant a recall of "
            f"{rule.number:g} takes {needed}.",
            hint="Ask for a lower recall, or give more data.",
        )


def fit_and_apply(
    predictions: Predictions, recipe: Recipe, problem: Problem, *, folder: Path
) -> Predictions:
    """Fits what the recipe asks for on a run's validation predictions, and writes it down.

    Returns:
        The predictions, each fifth decoded by what was fitted on the others.
    """
    asked = recipe.predict
    plain = asked.calibration == "none" and asked.threshold == "none"
    if plain or not isinstance(predictions, ClassPredictions):
        return predictions
    positive = asked.positive or default_positive(problem.schema)
    fitted = fit_decoding(predictions, asked, positive=positive)
    write_json(folder / FILE, asdict(fitted))
    return cross_decoded(predictions, asked, positive=positive, seed=recipe.seed)


def applied(predictions: Predictions, folder: Path) -> Predictions:
    """Predictions decoded as the run in this folder does it."""
    if isinstance(predictions, ClassPredictions):
        return decoded(predictions, read_decoding(folder))
    return predictions


def read_decoding(folder: Path) -> Decoding:
    """The temperature and the decision of a finished run.

    Raises:
        CorruptFileError: If the file is damaged.
    """
    path = folder / FILE
    if not path.exists():
        return Decoding()
    try:
        return TypeAdapter(Decoding).validate_python(read_json(path))
    except ValidationError as error:
        raise CorruptFileError(
            f"{str(path)!r} is damaged: {str(error).splitlines()[0]}.",
            hint="Delete the run's folder and run the command again.",
        ) from error
