"""Data sets that are objects of other libraries: anything with a length and pairs by position."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from phoropter.core.errors import UsageError
from phoropter.data.array_roles import as_pixels, scale_of
from phoropter.data.parts import part_of
from phoropter.data.unpacked import About, Kind, Label, Packed, Pixels, unpack

_EXPECTED = (
    "Expected an object with len(data) and data[i] == (image, target), such as those of "
    "torchvision.datasets, or a dict of such objects by part."
)
_SEEN = 100  # samples of each part from which it is told what images and targets are


def is_dataset_object(data: object) -> bool:
    """Whether `data` is no path but an object with samples, or a mapping of parts to such.

    >>> is_dataset_object("photos"), is_dataset_object([("image", 0)])
    (False, True)
    """
    if isinstance(data, str | Path):
        return False
    if isinstance(data, Mapping):
        return bool(data) and all(is_dataset_object(item) for item in data.values())
    return hasattr(data, "__len__") and hasattr(data, "__getitem__")


def unpack_object(data: Any) -> Path:
    """The folder with the object's samples as files, written once for each content.

    A target is a class (a whole number, a truth value or text; `classes` of the object names
    them), several labels (a vector of 0 and 1 that are whole numbers), or numbers with fractions.
    Images are Pillow's, or arrays and tensors of shape (h, w), (h, w, c) or (c, h, w) with values
    from 0 to 1 or to 255, before any normalisation.

    Args:
        data: The object, or a mapping of "train", "val" and "test" to objects.

    Raises:
        UsageError: If it is none, or its samples are no images with targets.
        StorageError: If the cache has no room.
    """
    parts = dict(data) if isinstance(data, Mapping) else {None: data}
    strangers = [word for word in parts if word is not None and not part_of(str(word))]
    if strangers or not all(is_dataset_object(item) for item in parts.values()):
        raise UsageError(f"{_named(data)} is no data set.", hint=_EXPECTED)
    first = next(iter(parts.values()))
    kind, width = _kind(parts)
    high = _highest(parts)
    classes = tuple(str(name) for name in getattr(first, "classes", None) or ())
    several = kind == "numbers" and width > 1
    targets = tuple(f"label {at}" for at in range(width)) if several else ("label",)
    name = type(first).__name__
    return unpack(
        lambda: _packed(parts, kind, classes, high=high),
        About("objects", f"{name} object", kind, targets),
        name=re.sub(r"\W+", "_", name).casefold(),
        key=None,
    )


def _kind(parts: Mapping[Any, Any]) -> tuple[Kind, int]:
    """What the targets are, and how many numbers each has, by the first hundred of each part."""
    seen = [_pair(item, at)[1] for item in parts.values() for at in range(min(len(item), _SEEN))]
    if not seen:
        raise UsageError("The data set has no samples.", hint=_EXPECTED)
    if all(target is None for target in seen):
        return "none", 0
    values = [_plain(target) for target in seen if target is not None]
    if all(isinstance(value, str) for value in values):
        return "class", 1
    if any(isinstance(value, str) for value in values):
        raise UsageError("Some targets are text and some numbers.", hint=_EXPECTED)
    arrays = [np.atleast_1d(value) for value in values]
    if len({array.shape for array in arrays}) > 1 or arrays[0].ndim > 1:
        shapes = ", ".join(sorted({str(array.shape) for array in arrays})[:3])
        raise UsageError(f"The targets have the shapes {shapes}.", hint=_EXPECTED)
    width = arrays[0].shape[0]
    whole = all(array.dtype.kind in "biu" for array in arrays)
    flags = whole and all(np.isin(array, (0, 1)).all() for array in arrays)
    if width > 1:
        return ("labels" if flags else "numbers"), width
    return ("class" if whole else "numbers"), 1


def _highest(parts: Mapping[Any, Any]) -> float:
    """The highest value of arrays with fractions among the first samples: 1, 255 or 65535."""
    seen = [_pair(item, at)[0] for item in parts.values() for at in range(min(len(item), _SEEN))]
    arrays = [np.asarray(image) for image in seen if not isinstance(image, Image.Image)]
    fractions = [array for array in arrays if array.dtype.kind == "f" and array.size]
    return max((float(np.nanmax(array)) for array in fractions), default=0.0)


def _packed(
    parts: Mapping[Any, Any], kind: Kind, classes: tuple[str, ...], *, high: float
) -> Iterator[Packed]:
    for word, items in parts.items():
        for at in range(len(items)):
            image, target = _pair(items, at)
            content = _content(image, high)
            part = None if word is None else str(word)
            name = f"{part or 'sample'}[{at}]"
            yield Packed(content, _label(target, kind, classes), part, name)


def _pair(items: Any, at: int) -> tuple[Any, Any]:
    sample = items[at]
    if isinstance(sample, tuple | list) and len(sample) == 2:
        return sample[0], sample[1]
    if _is_picture(sample):
        return sample, None
    raise UsageError(
        f"Sample {at} of {_named(items)} is {_named(sample)}, not (image, target).", hint=_EXPECTED
    )


def _is_picture(value: Any) -> bool:
    return isinstance(value, Image.Image) or hasattr(value, "__array__")


def _content(image: Any, high: float) -> bytes | Pixels:
    if isinstance(image, Image.Image):
        buffer = BytesIO()
        mode = image.mode if image.mode in {"1", "L", "LA", "P", "RGB", "RGBA", "I;16"} else "RGB"
        image.convert(mode).save(buffer, "PNG", compress_level=1)
        return buffer.getvalue()
    if not _is_picture(image):
        raise UsageError(f"An image is {_named(image)}.", hint=_EXPECTED)
    array = np.asarray(image)
    if array.dtype.kind not in "biuf" or array.ndim not in {2, 3} or 0 in array.shape:
        raise UsageError(
            f"An image has the shape {array.shape} and the type {array.dtype}.", hint=_EXPECTED
        )
    scale = 255.0 if array.dtype.kind == "b" else 1.0
    if array.dtype.kind in "fi":
        top = max(high, float(np.nanmax(array))) if array.dtype.kind == "f" else 255.0
        scale = scale_of(float(np.nanmin(array)), top, "An image")
    pixels, problem = as_pixels(array, scale)
    if problem:
        raise UsageError(f"An image cannot be used: {problem}.", hint=_EXPECTED)
    return pixels


def _label(target: Any, kind: Kind, classes: tuple[str, ...]) -> Label:
    if target is None or kind == "none":
        return None
    value = _plain(target)
    if isinstance(value, str):
        return value
    array = np.atleast_1d(value)
    if kind == "numbers":
        return tuple(float(item) for item in array)
    if kind == "labels":
        return tuple(_class(at, classes) for at in np.flatnonzero(array).tolist())
    return _class(int(array[0]), classes)


def _class(number: int, classes: tuple[str, ...]) -> str:
    return classes[number] if 0 <= number < len(classes) else str(number)


def _plain(target: Any) -> Any:
    """A target as text, number or array."""
    if isinstance(target, str | bool | int | float):
        return target
    if hasattr(target, "__array__") or isinstance(target, tuple | list):
        array = np.asarray(target)
        if array.dtype.kind in "biuf":
            return array.item() if array.ndim == 0 else array
    raise UsageError(f"A target is {_named(target)}.", hint=_EXPECTED)


def _named(value: Any) -> str:
    return f"a {type(value).__name__}" if not isinstance(value, str) else repr(value)
