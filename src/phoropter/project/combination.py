"""The ensemble of a project's finished runs, and what it would say of new samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from phoropter.core.predict_recipe import PredictRecipe
from phoropter.core.predictions import ClassPredictions, Predictions
from phoropter.core.recipe import Recipe, difference
from phoropter.core.records import Normalization, TargetSchema
from phoropter.improvement.combining import cross_combined, described, ensemble_recipe, greedy
from phoropter.improvement.trial import Candidate
from phoropter.metrics import named
from phoropter.metrics.decoding import cross_decoded
from phoropter.metrics.thresholds import default_positive
from phoropter.prediction.averaging import mean_predictions
from phoropter.project.run_record import RunRecord

ALPHA = 0.01
"""Chance of a false verdict for all ensembles in the life of a validation part, beside that of the
changes: few are asked about, and the evidence should not be spent before it is their turn."""

CODE = "ensemble"
EXPECTED_GAIN = 0.005  # nothing is ranked by it: an ensemble is tried when all else has been

_DECODING = {"predict.calibration", "predict.threshold", "predict.positive"}
_WITHOUT_INPUTS = {"majority", "mean"}
_NO_NORMALIZATION = Normalization((), ())


@dataclass(frozen=True, slots=True, eq=False)
class Combination:
    """An ensemble worth trying.

    Args:
        candidate: As the loop shows it.
        recipe: Of the ensemble.
        honest: What it says of the validation part, each fifth by members chosen on the others.
    """

    candidate: Candidate
    recipe: Recipe
    honest: Predictions


def combination(
    records: Sequence[RunRecord], reference: RunRecord, schema: TargetSchema
) -> Combination | None:
    """The best ensemble among finished runs that see the same pixels.

    None if one is best alone, or if the reference answers better: a look would be wasted.

    Args:
        records: Finished runs.
        reference: What it will be compared with; gives temperature and threshold to the mean.
        schema: Of the target.
    """
    groups = [group for group in _groups(records, reference) if len(group) > 1]
    picks = [greedy([run.predictions for run in group]) for group in groups]
    several = [at for at, pick in enumerate(picks) if len(set(pick)) > 1]
    if not several:
        return None
    best = min(several, key=lambda at: _loss_of_mean(groups[at], picks[at]))
    chosen = [groups[best][at].recipe for at in picks[best]]
    recipe = ensemble_recipe(chosen, like=reference.recipe)
    said = [run.predictions for run in groups[best]]
    honest = decoded(cross_combined(said, seed=reference.recipe.seed), recipe, schema)
    if _loss(honest) >= _loss(reference.compared):
        return None
    advice = f"Average the answers of models that are there anyway: {described(chosen)}."
    change = difference(reference.recipe, recipe)
    return Combination(Candidate(CODE, change, advice, EXPECTED_GAIN, 0.0), recipe, honest)


def _groups(records: Sequence[RunRecord], reference: RunRecord) -> list[list[RunRecord]]:
    """Runs that may be averaged, by the pixels that they see.

    Left out are ensembles, runs with a temperature or a threshold of their own, those on other
    samples, and models without inputs.
    """
    groups: dict[str, list[RunRecord]] = {}
    for record in records:
        asked = record.recipe.predict
        plain = asked == PredictRecipe(tta=asked.tta)
        alike = np.array_equal(record.predictions.ids, reference.predictions.ids)
        if plain and alike and record.recipe.model.name not in _WITHOUT_INPUTS:
            how = replace(record.preprocessing, normalization=_NO_NORMALIZATION)
            groups.setdefault(str(how), []).append(record)
    return list(groups.values())


def _loss_of_mean(runs: Sequence[RunRecord], pick: Sequence[int]) -> float:
    said = [runs[at].predictions for at in pick]
    return _loss(mean_predictions(said, [1] * len(said)))


def _loss(said: Predictions) -> float:
    return named("log_loss" if said.kind == "classes" else "mse")(said)


def redecoded(reference: RunRecord, recipe: Recipe, schema: TargetSchema) -> Predictions | None:
    """What an ensemble honestly says if only its temperature or decision is changed.

    None where more is changed, or where the reference has some of its own.
    """
    plain = PredictRecipe(ensemble=reference.recipe.predict.ensemble, tta=recipe.predict.tta)
    changed = difference(reference.recipe, recipe).keys()
    if reference.honest is None or reference.recipe.predict != plain or not changed <= _DECODING:
        return None
    return decoded(reference.honest, recipe, schema)


def decoded(said: Predictions, recipe: Recipe, schema: TargetSchema) -> Predictions:
    """With the temperature and the threshold that the recipe asks for, fitted across fifths."""
    asked = recipe.predict
    plain = asked.calibration == "none" and asked.threshold == "none"
    if plain or not isinstance(said, ClassPredictions):
        return said
    positive = asked.positive or default_positive(schema)
    return cross_decoded(said, asked, positive=positive, seed=recipe.seed)
