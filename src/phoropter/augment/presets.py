"""How strong the built-in policies are, as plain numbers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Strength:
    """The largest change of each kind; every sample draws its own, uniformly up to it.

    Args:
        shift: Share of the side that the image moves by, in each direction.
        rotation: Degrees to either side.
        zoom: The image is enlarged or reduced by up to this factor (1.1: from 1/1.1 to 1.1).
        brightness: Factor 1 +- this.
        contrast: Factor 1 +- this, around the image's own mean.
        saturation: Factor 1 +- this, around the pixel's own grey; colour images only.
        erase: Probability that one rectangle is overwritten with the image's mean.
        erase_area: Largest share of the area that the rectangle covers.
    """

    shift: float
    rotation: float
    zoom: float
    brightness: float
    contrast: float
    saturation: float
    erase: float
    erase_area: float


# Light stays inside what a photographer varies without noticing; medium is the usual strength for
# small sets of photographs; strong is about that of RandAugment's defaults without its posterising.
# Mirroring (left-right, for half of the samples) is a switch of its own in the recipe.
PRESETS = {
    "light": Strength(
        shift=0.05,
        rotation=0.0,
        zoom=1.0,
        brightness=0.1,
        contrast=0.1,
        saturation=0.0,
        erase=0.0,
        erase_area=0.0,
    ),
    "medium": Strength(
        shift=0.08,
        rotation=10.0,
        zoom=1.15,
        brightness=0.2,
        contrast=0.2,
        saturation=0.2,
        erase=0.1,
        erase_area=0.1,
    ),
    "strong": Strength(
        shift=0.12,
        rotation=20.0,
        zoom=1.35,
        brightness=0.4,
        contrast=0.4,
        saturation=0.4,
        erase=0.3,
        erase_area=0.2,
    ),
}
