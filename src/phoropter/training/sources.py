"""What a recipe's model is fed with: decoded images, or features computed once."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from phoropter.core.errors import UsageError
from phoropter.core.events import Listener
from phoropter.core.protocols import Inputs
from phoropter.core.recipe import Recipe
from phoropter.core.records import Normalization, Preprocessing
from phoropter.data.memory import MemoryInputs
from phoropter.data.number_columns import number_columns
from phoropter.data.store import open_store
from phoropter.models.catalog import frozen_trunk, is_classic
from phoropter.models.preprocessing import preprocessing
from phoropter.prediction.features import DeepFeatures
from phoropter.prediction.views import PLAIN, View, further_views
from phoropter.training.feature_views import FeatureViews
from phoropter.training.problem import Problem

_STATISTICS_ROWS = 2_000
"""Training images that the normalisation statistics are taken from: the standard error of a
channel's mean is then below a fortieth of the spread between images."""

MOST_VIEWS_BYTES = 2**30
"""Of the features of all views of the training images: 26,000 images in 8 views of Lite0."""

_STATISTICS_BLOCK = 16
"""Images of which the pixels are held as doubles at once."""


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """The inputs of all samples of a data set.

    Args:
        inputs: By row of the data set's table.
        preprocessing: What led from the file to these inputs.
        normalization: What is still to be applied to a batch; None where nothing is.
        features: "" for images, else the name of the frozen network or "pixels".
        views: Features of further views of the training samples, or None.
    """

    inputs: Inputs
    preprocessing: Preprocessing
    normalization: Normalization | None
    features: str
    views: FeatureViews | None = None


def open_source(recipe: Recipe, problem: Problem, *, listener: Listener) -> Source:
    """The inputs that the recipe's model is fitted on."""
    if problem.dataset.modality == "table":
        return open_table(recipe, problem)
    name = frozen_trunk(recipe)
    images = open_images(recipe, problem, listener=listener)
    if not name:
        return images
    rows = np.arange(len(problem.dataset), dtype=np.int64)
    if name == "pixels":
        values = _flat_pixels(images, rows)
    else:
        values = frozen(recipe, problem, listener=listener)(problem.dataset, rows)
    return Source(MemoryInputs(values), images.preprocessing, None, name)


def open_for_training(recipe: Recipe, problem: Problem, *, listener: Listener) -> Source:
    """The same, with the features of further views where a head is to learn from them.

    Raises:
        UsageError: If these are more than memory should hold, or there are not so many views.
    """
    source = open_source(recipe, problem, listener=listener)
    if not has_views(recipe):
        return source
    rows = problem.rows("train")
    views = further_views(recipe.data)
    plain = source.inputs.batch(rows).numpy()
    needed = plain.nbytes * (1 + len(views))
    if needed > MOST_VIEWS_BYTES:
        raise UsageError(
            f"The features of {1 + len(views)} views of {len(rows)} images take "
            f"{needed / 2**30:.1f} GiB.",
            hint=f"Ask for {max(1, MOST_VIEWS_BYTES // plain.nbytes)} by data.augment.views.",
        )
    features = np.empty((1 + len(views), *plain.shape), dtype=np.float32)
    features[0] = plain
    for at, seen in enumerate(views, start=1):
        deep = frozen(recipe, problem, view=seen, listener=listener)
        features[at] = deep(problem.dataset, rows)
    return replace(source, views=FeatureViews(rows, features))


def has_views(recipe: Recipe) -> bool:
    """Whether a head is trained on the features of several views of each image."""
    several = recipe.data.augment.views > 1 and not is_classic(recipe.model.name)
    return several and frozen_trunk(recipe) not in {"", "pixels"}


def frozen(
    recipe: Recipe, problem: Problem, *, view: View = PLAIN, listener: Listener
) -> DeepFeatures:
    """The features of the recipe's frozen network, kept in the project's cache."""
    wanted = preprocessing(recipe, pixel_mean=(0.0,), pixel_std=(1.0,))
    if recipe.data.normalize == "data":  # for which the images are asked
        wanted = open_images(recipe, problem, listener=listener).preprocessing
    return DeepFeatures(
        frozen_trunk(recipe),
        folder=problem.cache,
        preprocessing=wanted,
        like=recipe.model,
        view=view,
        listener=listener,
    )


def open_images(recipe: Recipe, problem: Problem, *, listener: Listener) -> Source:
    """The decoded images at the size the recipe asks for."""
    wanted = preprocessing(recipe, pixel_mean=(0.0,), pixel_std=(1.0,))
    store = open_store(problem.dataset, wanted, folder=problem.cache, listener=listener)
    if recipe.data.normalize == "data":
        mean, std = pixel_statistics(store, problem)
        wanted = preprocessing(recipe, pixel_mean=mean, pixel_std=std)
    return Source(store, wanted, wanted.normalization, "")


def open_table(recipe: Recipe, problem: Problem) -> Source:
    """The numbers of a table's rows, in standard deviations of the training part.

    They are as they stand in the table if `data.normalize` is "none".

    Raises:
        UsageError: If a column is not of numbers or has gaps.
    """
    values = number_columns(problem.dataset)
    train = values[problem.rows("train")]
    mean, std = np.zeros(values.shape[1]), np.ones(values.shape[1])
    if recipe.data.normalize != "none":
        mean, std = train.mean(axis=0), train.std(axis=0)
        std[std == 0] = 1.0
    how = Preprocessing(
        size=1,
        resize="none",
        channels=values.shape[1],
        interpolation="none",
        crop_share=1.0,
        normalization=Normalization(tuple(mean.tolist()), tuple(std.tolist())),
        columns=problem.dataset.inputs,
    )
    inputs = MemoryInputs(((values - mean) / std).astype(np.float32))
    return Source(inputs, how, None, "pixels" if is_classic(recipe.model.name) else "")


def pixel_statistics(
    store: Inputs, problem: Problem
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of each channel over training images, pixels in [0, 1]."""
    rows = problem.rows("train")
    step = max(1, len(rows) // _STATISTICS_ROWS)
    chosen = rows[::step][:_STATISTICS_ROWS]
    sums, squares, count = [], [], 0
    for first in range(0, len(chosen), _STATISTICS_BLOCK):
        pixels = store.batch(chosen[first : first + _STATISTICS_BLOCK]).numpy().astype(np.float64)
        sums.append(pixels.sum(axis=(0, 2, 3)))
        squares.append(np.einsum("nchw,nchw->c", pixels, pixels))
        count += pixels[:, 0].size
    mean = np.sum(sums, axis=0) / count
    # Sums of whole numbers are exact, so the mean need not be taken off first.
    variance = (np.sum(squares, axis=0) - count * mean**2) / max(count - 1, 1)
    std = np.sqrt(np.maximum(variance, 0.0)) / 255
    return tuple((mean / 255).tolist()), tuple(np.maximum(std, 1e-3).tolist())


def _flat_pixels(images: Source, rows: np.ndarray) -> np.ndarray:
    normalization = images.preprocessing.normalization
    shape = (1, -1, 1, 1)
    mean = np.asarray(normalization.mean, dtype=np.float32).reshape(shape)
    std = np.asarray(normalization.std, dtype=np.float32).reshape(shape)
    blocks = []
    for block in np.array_split(rows, max(1, len(rows) // 1024)):
        pixels = images.inputs.batch(block).numpy().astype(np.float32) / 255.0
        blocks.append(((pixels - mean) / std).reshape(len(block), -1))
    return np.concatenate(blocks)
