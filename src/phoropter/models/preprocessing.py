"""What an image must go through before the recipe's model sees it."""

from __future__ import annotations

from collections.abc import Sequence

from phoropter.core.recipe import Recipe
from phoropter.core.records import ModelCard, Normalization, Preprocessing
from phoropter.models import catalog

# A channel that never varies must not be blown up.
_SMALLEST_STD = 1e-3


def preprocessing(
    recipe: Recipe,
    *,
    pixel_mean: Sequence[float] | None = None,
    pixel_std: Sequence[float] | None = None,
) -> Preprocessing:
    """How images become the input of the recipe's model.

    >>> preprocessing(Recipe()).normalization.mean
    (0.5, 0.5, 0.5)

    Args:
        recipe: Of the run.
        pixel_mean: Per-channel mean of the training part's pixels in [0, 1]; needed where
            `data.normalize` is "data".
        pixel_std: Their standard deviation likewise.

    Raises:
        ValueError: If the statistics are needed and not given.
        UsageError: If the model is unknown.
    """
    card = _card(recipe)
    return Preprocessing(
        size=recipe.data.size,
        resize=recipe.data.resize,
        channels=recipe.data.channels,
        interpolation=card.interpolation,
        crop_share=card.crop if recipe.data.resize == "crop" else 1.0,
        normalization=_normalization(recipe, card, pixel_mean, pixel_std),
        pad=recipe.data.pad if recipe.data.resize == "letterbox" else "constant",
    )


def _card(recipe: Recipe) -> ModelCard:
    name = recipe.model.backbone if catalog.is_classic(recipe.model.name) else recipe.model.name
    return catalog.card(name)


def _normalization(
    recipe: Recipe,
    card: ModelCard,
    pixel_mean: Sequence[float] | None,
    pixel_std: Sequence[float] | None,
) -> Normalization:
    channels = recipe.data.channels
    if recipe.data.normalize == "none":
        return Normalization((0.0,) * channels, (1.0,) * channels)
    if recipe.data.normalize == "data":
        if pixel_mean is None or pixel_std is None:
            message = "data.normalize='data' needs the mean and deviation of the training pixels"
            raise ValueError(message)
        return Normalization(
            tuple(map(float, pixel_mean)),
            tuple(max(float(std), _SMALLEST_STD) for std in pixel_std),
        )
    return Normalization(_fitted(card.mean, channels), _fitted(card.std, channels))


def _fitted(values: tuple[float, ...], channels: int) -> tuple[float, ...]:
    """The card's statistics for grey input are the mean of the colours'."""
    if len(values) == channels:
        return values
    return (sum(values) / len(values),) * channels
