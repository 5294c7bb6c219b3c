"""Pictures of where the chosen network looked, as far as it can be said."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from phoropter.core.events import silent
from phoropter.core.predictions import ClassPredictions
from phoropter.core.records import Rows
from phoropter.prediction.activation_map import activation_maps
from phoropter.prediction.run import prepared
from phoropter.project.run_record import RunRecord
from phoropter.report.pictures import thumbnail
from phoropter.training.execute import restored
from phoropter.training.problem import Problem
from phoropter.training.sources import open_images

_BATCH = 8  # of Lite0 at 224 px: the maps of all layers are kept, some 300 MB

_ORANGE = np.array([255.0, 120.0, 0.0])[:, None, None]
_STRONGEST = 0.7  # share of colour where the heat is greatest, so that the image is still seen


def maps_of(record: RunRecord, problem: Problem, rows: Rows) -> dict[str, bytes]:
    """Small JPEG files by sample identifier, orange where the network found its answer.

    Empty for numbers, tables, and models whose answer has no slope (trees, neighbours). Of an
    ensemble, the maps are those of its first member that has some, for the ensemble's answers.

    Args:
        record: The run that answers.
        problem: What it was made on.
        rows: Positions among the run's validation predictions.
    """
    predictions = record.predictions
    if not isinstance(predictions, ClassPredictions) or record.preprocessing.columns:
        return {}
    for name in dict.fromkeys(record.summary.members or (record.path.name,)):
        found = _maps_by(record.path.parent / name, predictions, problem, rows)
        if found:
            return found
    return {}


def _maps_by(
    path: Path, predictions: ClassPredictions, problem: Problem, rows: Rows
) -> dict[str, bytes]:
    """How the model of one run explains these answers."""
    network, recipe, _, preprocessing = restored(path)
    images = open_images(recipe, problem, listener=silent)
    places = _places(problem, predictions.ids[rows])
    rows, places = rows[places >= 0], places[places >= 0]
    found: dict[str, bytes] = {}
    for start in range(0, len(rows), _BATCH):
        chunk = slice(start, start + _BATCH)
        pixels = images.inputs.batch(places[chunk])
        maps = activation_maps(
            network,
            prepared(pixels, preprocessing.normalization, torch.device("cpu")),
            predictions.predicted[rows[chunk]],
        )
        if maps is None:
            return {}
        for name, image, heat in zip(
            predictions.ids[rows[chunk]], pixels.numpy(), maps, strict=True
        ):
            found[str(name)] = thumbnail(lit(image, heat))
    return found


def lit(image: NDArray[np.uint8], heat: NDArray[np.float32]) -> NDArray[np.uint8]:
    """The image in grey, orange where the heat is; shape (3, h, w), uint8.

    Args:
        image: Shape (c, h, w).
        heat: At least 0, of any scale, shape (h, w).
    """
    share = _STRONGEST * heat / max(float(heat.max()), 1e-12)
    grey = image.mean(axis=0, keepdims=True)
    return np.asarray(np.rint((1 - share) * grey + share * _ORANGE), dtype=np.uint8)


def _places(problem: Problem, ids: NDArray[np.str_]) -> NDArray[np.int64]:
    """Where in the table samples stand; -1 where corrections have taken them out since."""
    at = {name: row for row, name in enumerate(problem.dataset.table["id"])}
    return np.array([at.get(str(name), -1) for name in ids], dtype=np.int64)
