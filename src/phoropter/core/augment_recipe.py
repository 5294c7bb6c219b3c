"""What a recipe says of how training images are varied."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from phoropter.core.predict_recipe import Section


class AugmentRecipe(Section):
    """How training images are varied; a fresh draw every epoch."""

    preset: Literal["none", "light", "medium", "strong"] = Field(
        "none", description="Strength of the built-in policy. Recipe K6: start without."
    )
    own: str | None = Field(
        None,
        description="A variation of your own after the preset's: file.py:name, or a registered "
        "name.",
    )
    flip: bool = Field(
        True, description="Whether presets may mirror left and right (wrong for digits, angles)."
    )
    mixup: float = Field(
        0.0, ge=0, le=2, description="Beta(a, a) parameter of MixUp; 0 is off (Zhang et al. 2018)."
    )
    cutmix: float = Field(
        0.0, ge=0, le=2, description="Beta(a, a) parameter of CutMix; 0 is off (Yun et al. 2019)."
    )
    erasing: float = Field(
        0.0,
        ge=0,
        le=1,
        description="Share of the images of which a rectangle is overwritten (Zhong et al. 2020).",
    )
    views: int = Field(
        1,
        ge=1,
        le=64,
        description="Views of each training image whose frozen features are kept, the plain one "
        "included; a fresh choice every epoch. Of no use in fine-tuning.",
    )
    policy: Literal["none", "randaugment", "trivialaugment"] = Field(
        "none",
        description="A few random operations an image, after the preset (Cubuk et al. 2020; Müller "
        "& Hutter 2021).",
    )
    policy_ops: int = Field(2, ge=1, le=8, description="Operations an image: randaugment.")
    policy_magnitude: int = Field(
        9, ge=0, le=30, description="Strength of each, 30 is the most: randaugment."
    )
    pipeline: tuple[dict[str, dict[str, Any]], ...] = Field(
        (),
        description="Transforms of torchvision (v2) or albumentations, in their order and before "
        "the preset: - torchvision.RandomRotation: {degrees: 10}.",
    )
