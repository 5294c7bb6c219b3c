"""By which features the pictures are described that are looked at."""

from __future__ import annotations

import numpy as np
import polars as pl

from phoropter.core.protocols import FeatureFunction, Features
from phoropter.core.recipe import Recipe
from phoropter.core.records import Dataset, Rows
from phoropter.look.evidence import Classifier
from phoropter.models.catalog import card, frozen_trunk, offline_weights_installed
from phoropter.models.offline_weights import lite0_classifier
from phoropter.models.preprocessing import preprocessing
from phoropter.prediction.features import DeepFeatures, HandcraftedFeatures
from phoropter.prediction.row_features import TableFeatures, TextFeatures
from phoropter.prediction.views import ExchangedColours
from phoropter.project.baseline import TINY_PX
from phoropter.project.opened import Project
from phoropter.project.transfer import ENLARGED_PX, LARGER_PX

_NETWORK = "efficientnet_lite0"

_KNOWN_FROM_PX = 160
"""Side below which the network hardly knows what it sees, in whatever colours."""

_COLOURED = 0.9
"""Share of images in colour from which a set of tiny ones is of photographs."""

_MOST_SHARE = 0.3
"""Of the time left, that features may take from which the first recipe does not learn."""


def features_for(
    project: Project, *, like: Recipe | None = None, left_s: float | None = None
) -> FeatureFunction:
    """Deep features where the weights are here, the images are photographs and there is time.

    Those from which the first recipe learns, where these are such; it then finds them there. Tiny
    grey ones are digits, letters and the like, which colours and edges describe as well.

    Args:
        project: The opened project.
        like: The first recipe, where there is one.
        left_s: Seconds of which other features may take their share; None: as long as they need.
    """
    dataset = project.dataset
    if dataset.modality != "image":
        return TextFeatures() if dataset.modality == "text" else TableFeatures()
    side = dataset.table.select(pl.min_horizontal("height", "width").median()).item()
    coloured = dataset.table.select((pl.col("mode") == "RGB").mean()).item() > _COLOURED
    tiny = side <= TINY_PX
    if (tiny and not coloured) or not offline_weights_installed():
        return HandcraftedFeatures()
    if like is not None and _knows(like, tiny=tiny):
        return _deep(project, like)
    every = np.arange(len(dataset), dtype=np.int64)
    for size in ENLARGED_PX if tiny else (LARGER_PX, card(_NETWORK).input_px):
        deep = _deep(project, _usual(size))
        if size == LARGER_PX and len(deep.missing(dataset, every)):
            continue  # only where a run has left them, whose findings these are then like
        if left_s is None or deep.waiting_s(dataset, every) <= _MOST_SHARE * max(left_s, 0.0):
            return deep
    return HandcraftedFeatures()


def classifier(features: FeatureFunction) -> Classifier | None:
    """What the network of the features takes images for, as they are and in exchanged colours.

    None where it knows too little.
    """
    if not isinstance(features, DeepFeatures) or features.size < _KNOWN_FROM_PX:
        return None
    exchanged = features.seen(ExchangedColours())

    def told(dataset: Dataset, rows: Rows) -> tuple[Features, Features]:
        weight, bias = (part.numpy() for part in lite0_classifier())
        plain, other = features(dataset, rows), exchanged(dataset, rows)
        return plain @ weight.T + bias, other @ weight.T + bias

    return told


def _knows(recipe: Recipe, *, tiny: bool) -> bool:
    """Whether the recipe learns from features of the network at a size that says something."""
    as_it_came = recipe.model.weights is None and recipe.data.normalize != "data"
    large = tiny or recipe.data.size >= _KNOWN_FROM_PX
    return frozen_trunk(recipe) == _NETWORK and as_it_came and large


def _usual(size: int) -> Recipe:
    how = {"data.resize": "stretch"} if size in ENLARGED_PX else {}
    return Recipe().changed({"model.name": _NETWORK, "data.size": size, **how})


def _deep(project: Project, recipe: Recipe) -> DeepFeatures:
    return DeepFeatures(
        _NETWORK,
        folder=project.folder.cache,
        preprocessing=preprocessing(recipe, pixel_mean=(0.0,), pixel_std=(1.0,)),
        listener=project.listener,
    )
