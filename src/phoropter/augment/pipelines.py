"""Pipelines of torchvision and albumentations, written in the recipe's YAML."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from itertools import groupby
from typing import Any

import numpy as np
import torch
from torch import Generator, Tensor

from phoropter.augment.variation import Augmenter
from phoropter.core.errors import MissingExtraError, UsageError, nearest

Spec = Mapping[str, Mapping[str, Any]]
_One = Callable[[Tensor, int], Tensor]

_MODULES = {"torchvision": "torchvision.transforms.v2", "albumentations": "albumentations"}
_BASES = {"torchvision": ("Transform",), "albumentations": ("BasicTransform", "BaseCompose")}
# Code, statistics or types: what a recipe cannot or must not hold.
_REFUSED = {"Lambda", "Normalize", "ToTensor", "ToTensorV2", "ToTensor3D", "ToPILImage", "MixUp"}
_REFUSED |= {"CutMix", "FDA", "HistogramMatching", "PixelDistributionAdaptation", "ToImage"}


def pipeline(specs: Sequence[Spec]) -> Augmenter | None:
    """The transforms in their order as a function that varies a batch; None for an empty list.

    Each image goes through them by itself, with randomness of its own that follows from the
    batch's generator. Both libraries take float images in [0, 1] and return ones of equal shape;
    albumentations sees them as uint8. Arguments are plain values, or lists of transforms again
    (`torchvision.RandomApply: {transforms: [...]}`); no code is run from a recipe.

    >>> vary = pipeline([{"torchvision.RandomHorizontalFlip": {"p": 1.0}}])
    >>> images = torch.rand(2, 3, 8, 8)
    >>> bool((vary(images, Generator()) == images.flip(3)).all())
    True

    Raises:
        UsageError: If there is no such transform, or it does not take these arguments.
        MissingExtraError: If albumentations is wanted and not installed.
    """
    if not specs:
        return None
    stages = [_stage(library, list(group)) for library, group in groupby(specs, key=_library)]

    def vary(images: Tensor, generator: Generator) -> Tensor:
        seeds = torch.randint(2**31 - 1, (len(images),), generator=generator).tolist()
        varied = images.clone()
        for position, seed in enumerate(seeds):
            image = images[position]
            for number, stage in enumerate(stages):
                image = _checked(stage(image, (seed + number) % 2**31), images[position])
            varied[position] = image
        return varied

    return vary


def _stage(library: str, specs: Sequence[Spec]) -> _One:
    transforms = [_built(spec) for spec in specs]
    return (
        _of_torchvision(transforms) if library == "torchvision" else _of_albumentations(transforms)
    )


def _of_torchvision(transforms: list[Any]) -> _One:
    from torchvision.transforms import v2

    whole = v2.Compose(transforms)

    def apply(image: Tensor, seed: int) -> Tensor:
        with torch.random.fork_rng(devices=[]):  # they draw from torch's global generator
            torch.default_generator.manual_seed(seed)
            varied: Tensor = whole(image)
            return varied

    return apply


def _of_albumentations(transforms: list[Any]) -> _One:
    import albumentations

    whole = albumentations.Compose(transforms)

    def apply(image: Tensor, seed: int) -> Tensor:
        pixels = (image * 255).round().to(torch.uint8).permute(1, 2, 0).contiguous().cpu().numpy()
        whole.set_random_seed(seed)
        varied = np.atleast_3d(whole(image=pixels)["image"])
        return (
            torch.from_numpy(np.ascontiguousarray(varied)).permute(2, 0, 1).to(image.device) / 255
        )

    return apply


def _checked(varied: Tensor, image: Tensor) -> Tensor:
    if varied.shape != image.shape or not varied.is_floating_point():
        raise UsageError(
            f"data.augment.pipeline makes {tuple(varied.shape)} {varied.dtype} of an image "
            f"{tuple(image.shape)} {image.dtype}.",
            hint="Crops and the like must give the size of the input (data.size), as pixels.",
        )
    return varied.clamp(0, 1)


def _library(spec: Spec) -> str:
    return _only(spec)[0].partition(".")[0]


def _only(spec: Spec) -> tuple[str, Mapping[str, Any]]:
    if len(spec) != 1:
        raise UsageError(
            f"Each entry of data.augment.pipeline is one transform, got {sorted(spec)}.",
            hint="Write: - torchvision.RandomRotation: {degrees: 10}",
        )
    return next(iter(spec.items()))


def _built(spec: Spec) -> Any:
    """The transform of a name such as "torchvision.RandomRotation" with its arguments."""
    name, arguments = _only(spec)
    library, _, kind = name.partition(".")
    known = _transforms(library, name)
    if kind not in known:
        raise UsageError(
            f"Unknown transform {name!r} in data.augment.pipeline.",
            hint=nearest(name, [f"{library}.{other}" for other in known]),
        )
    given = {key: _argument(value) for key, value in arguments.items()}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)  # so albumentations speaks of wrong words
            return known[kind](**given)
    except (TypeError, ValueError, UserWarning) as error:
        why = " ".join(str(error).split())
        raise UsageError(
            f"The transform {name!r} does not take {dict(arguments)}: {why}.",
            hint=f"See the documentation of {library}.",
        ) from error


def _argument(value: Any) -> Any:
    """Transforms inside of arguments are built too; everything else stays."""
    if isinstance(value, list):
        return [_argument(item) for item in value]
    if isinstance(value, dict) and len(value) == 1:
        name, inner = next(iter(value.items()))
        if isinstance(inner, dict) and str(name).partition(".")[0] in _MODULES:
            return _built(value)
    return value


def _transforms(library: str, name: str) -> dict[str, type]:
    """The classes of a library that a pipeline may name."""
    if library not in _MODULES:
        raise UsageError(
            f"Transforms are called torchvision.NAME or albumentations.NAME, got {name!r}.",
            hint="Write: - torchvision.RandomRotation: {degrees: 10}",
        )
    os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # it would ask the network on import
    try:
        module = import_module(_MODULES[library])
    except ModuleNotFoundError as error:
        raise MissingExtraError(library, "augment", why=f"The transform {name!r}") from error
    bases = tuple(getattr(module, base) for base in _BASES[library])
    return {
        kind: item
        for kind, item in vars(module).items()
        if isinstance(item, type) and issubclass(item, bases) and kind not in _REFUSED
    }
