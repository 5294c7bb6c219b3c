"""A sound training: a model on a set, and what all recipes of a kind have in common."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

SuitePart = Literal["tune", "report", "drawn"]
Family = Literal["mlp", "cnn", "head"]


@dataclass(frozen=True)
class Pair:
    """A model on a set.

    Args:
        images: Name of the set.
        family: What kind of model.
        part: Of the suite: the rules may be mended by it ("tune"), are only measured on it
            ("report"), or may be mended by it, and its recipe was drawn by lot ("drawn").
        settings: Dotted recipe keys of the sound recipe.
        number: By which it was drawn; None for those that were chosen.
    """

    images: str
    family: Family
    part: SuitePart
    settings: Mapping[str, Any]
    number: int | None = None

    @property
    def name(self) -> str:
        kind = f"{self.images}-{self.settings['model.name'].removesuffix('_lite0')}"
        return kind if self.number is None else f"{kind}-{self.number}"


COMMON: Mapping[str, Any] = {
    "data.resize": "stretch",
    "data.augment.flip": False,
    "train.numerics": "float32",  # what "auto" would measure depends on what else is running
    "train.patience": 0,
}
SCRATCH: Mapping[str, Any] = {
    **COMMON,
    "data.normalize": "data",
    "model.pretrained": False,
    "model.transfer": "finetune",
}
GREY: Mapping[str, Any] = {**SCRATCH, "data.channels": 1}
HEAD: Mapping[str, Any] = {
    **COMMON,
    "data.size": 96,
    "model.name": "efficientnet_lite0",
    "model.transfer": "features",
    "model.dropout": 0.5,
    "train.batch_size": 64,
}
