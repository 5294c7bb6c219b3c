"""Which arrays of a file are images and which are their labels, by name and shape."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from phoropter.core.errors import InputError
from phoropter.data.array_file import ArrayMember
from phoropter.data.parts import part_of
from phoropter.data.unpacked import Kind, Label, Packed, Pixels

_IMAGES = frozenset({"x", "image", "images", "img", "imgs", "data", "arr_0", "pixels", "features"})
_LABELS = frozenset({"y", "label", "labels", "target", "targets", "arr_1", "class", "classes"})
_NAMES = frozenset({"class_names", "label_names", "names", "classes", "categories"})
_WORD = re.compile(r"[a-z]+|\d+")
_CHANNELS = frozenset({1, 3, 4})
_FEWEST_OF_NUMBERS = 20


@dataclass(frozen=True, slots=True)
class Pair:
    """Images and the labels that belong to them.

    Args:
        images: Shape (n, h, w), (n, h, w, c), (n, c, h, w), or (n, h * h) of uint8.
        labels: Shape (n,) or (n, k), or None.
        part_name: The word for the part in the arrays' names, or None.
    """

    images: ArrayMember
    labels: ArrayMember | None
    part_name: str | None


@dataclass(frozen=True, slots=True, eq=False)
class Labels:
    """The labels of all pairs, read the same way.

    Args:
        kind: What they are.
        values: One entry for each image of all pairs, in order.
    """

    kind: Kind
    values: list[Label]


def pairs_of(members: Mapping[str, ArrayMember]) -> list[Pair]:
    """Images with their labels, one pair for each part that the names speak of.

    Raises:
        InputError: If no array holds images, or labels are not as many.
    """
    images: dict[str | None, ArrayMember] = {}
    labels: dict[str | None, ArrayMember] = {}
    for name, member in members.items():
        part, rest = _spoken(name)
        if rest in _IMAGES and is_stack(member):
            images.setdefault(part, member)
        elif rest in _LABELS and member.dtype.kind != "O" and len(member.shape) in {1, 2}:
            labels.setdefault(part, member)
    if not images:
        stacks = [member for member in members.values() if is_stack(member)]
        if len(stacks) == 1:
            images[None] = stacks[0]
    if not images:
        shapes = ", ".join(f"{name} {member.shape}" for name, member in sorted(members.items()))
        raise InputError(
            f"No array holds images: {shapes or 'there is none'}.",
            hint="Name them images and labels (or x and y, x_train, ...), images of shape "
            "(n, height, width) or (n, height, width, channels).",
        )
    return [Pair(stack, _beside(stack, labels, part), part) for part, stack in images.items()]


def is_stack(member: ArrayMember) -> bool:
    """Whether an array has the shape and type of a stack of images."""
    shape = member.shape
    if member.dtype.kind not in "biuf" or not shape or 0 in shape[1:]:
        return False
    if len(shape) == 2:
        return member.dtype == np.uint8 and shape[1] >= 64 and isqrt(shape[1]) ** 2 == shape[1]
    if len(shape) == 4:
        return shape[3] in _CHANNELS or shape[1] in _CHANNELS
    return len(shape) == 3


def names_of(members: Mapping[str, ArrayMember]) -> tuple[str, ...]:
    """Names of the classes, where an array of text lists them."""
    for name, member in members.items():
        if name.casefold() in _NAMES and member.dtype.kind in "SU" and len(member.shape) == 1:
            return tuple(_text(item) for item in member.whole())
    return ()


def packed_pairs(pairs: Sequence[Pair], labels: Sequence[Label]) -> Iterator[Packed]:
    """The images of all pairs beside their labels, which are in the same order.

    Raises:
        InputError: If an array is damaged.
    """
    values = iter(labels)
    for pair in pairs:
        scale = _scale(pair.images)
        for number, item in enumerate(pair.images.items()):
            pixels, problem = as_pixels(item, scale)
            name = f"{pair.images.name}[{number}]"
            yield Packed(pixels, next(values), pair.part_name, name, problem)


def as_pixels(item: NDArray[Any], scale: float) -> tuple[Pixels, str]:
    """One image as whole numbers, channels last, and what is wrong with it."""
    if item.ndim == 1:
        item = item.reshape(isqrt(len(item)), -1)
    if item.ndim == 3 and item.shape[2] not in _CHANNELS:
        item = np.moveaxis(item, 0, 2)
    if item.dtype == np.uint8 or (item.dtype == np.uint16 and item.ndim == 2):
        return np.ascontiguousarray(item), ""
    values = item.astype(np.float64)
    if not np.isfinite(values).all():
        return np.zeros((1, 1), dtype=np.uint8), "it holds values that are no numbers"
    return np.clip(np.rint(values * scale), 0, 255).astype(np.uint8), ""


def scale_of(low: float, high: float, what: str) -> float:
    """The factor that brings pixel values to 0 to 255.

    Raises:
        InputError: If they lie in no usual range.
    """
    if low < 0 or high > 65_535:
        raise InputError(
            f"{what} has pixel values from {low:g} to {high:g}.",
            hint="Give images before normalisation: from 0 to 1, 0 to 255, or 0 to 65535.",
        )
    if high <= 1:
        return 255.0
    return 1.0 if high <= 255 else 255 / 65_535


def read_labels(pairs: list[Pair], names: tuple[str, ...]) -> Labels:
    """The labels of all pairs: classes, several labels as columns of 0 and 1, or numbers.

    Raises:
        InputError: If an array of labels is damaged or has another length than its images.
    """
    if all(pair.labels is None for pair in pairs):
        return Labels("none", [None] * sum(pair.images.shape[0] for pair in pairs))
    arrays = [None if pair.labels is None else _squeezed(pair.labels.whole()) for pair in pairs]
    known = [array for array in arrays if array is not None]
    kind = _kind(known)
    values: list[Label] = []
    for pair, array in zip(pairs, arrays, strict=True):
        if array is None:
            values += [None] * pair.images.shape[0]
        else:
            values += [_label(row, kind, names) for row in array]
    return Labels(kind, values)


def _spoken(name: str) -> tuple[str | None, str]:
    """The part in an array's name, and what is left of the name.

    >>> _spoken("x_train"), _spoken("test_labels"), _spoken("arr_0"), _spoken("X")
    (('train', 'x'), ('test', 'labels'), (None, 'arr_0'), (None, 'x'))
    """
    if re.fullmatch(r"arr_\d+", name):
        return None, name
    words = _WORD.findall(re.sub(r"^([xy])(?=(train|val|test))", r"\1_", name.casefold()))
    part = next((word for word in words if part_of(word)), None)
    return part, "_".join(word for word in words if word != part)


def _beside(
    images: ArrayMember, labels: Mapping[str | None, ArrayMember], part: str | None
) -> ArrayMember | None:
    found = labels.get(part)
    if found is not None and found.shape[0] != images.shape[0]:
        raise InputError(
            f"{images.name!r} has {images.shape[0]:,} images, but {found.name!r} "
            f"{found.shape[0]:,} labels.",
            hint="There must be one label for each image.",
        )
    return found


def _scale(images: ArrayMember) -> float:
    if images.dtype == np.uint8 or (images.dtype == np.uint16 and len(images.shape) == 3):
        return 1.0
    low, high = 0.0, 0.0
    for item in images.items():
        known = item[np.isfinite(item)] if item.dtype.kind == "f" else item
        low = min(low, float(known.min(initial=0)))
        high = max(high, float(known.max(initial=0)))
    return scale_of(low, high, f"The array {images.name!r}")


def _squeezed(array: NDArray[Any]) -> NDArray[Any]:
    return array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array


def _kind(arrays: list[NDArray[Any]]) -> Kind:
    first = arrays[0]
    if first.ndim == 2:
        flags = all(np.isin(array, (0, 1)).all() for array in arrays if array.dtype.kind in "biuf")
        if not flags:
            return "numbers"
        single = all((array.sum(axis=1) == 1).all() for array in arrays)
        return "class" if single else "labels"
    if first.dtype.kind in "SUb":
        return "class"
    values = np.concatenate([array.ravel() for array in arrays]).astype(np.float64)
    if not np.isfinite(values).all() or (values != np.floor(values)).any():
        return "numbers"
    many = len(np.unique(values)) > max(_FEWEST_OF_NUMBERS, len(values) / 5)
    return "numbers" if many else "class"


def _label(row: Any, kind: Kind, names: tuple[str, ...]) -> Label:
    if kind == "numbers":
        values = tuple(float(value) for value in np.atleast_1d(row))
        return values if np.isfinite(values).all() else None
    if np.ndim(row) == 1:
        found = tuple(_named(at, names) for at in np.flatnonzero(row).tolist())
        return found[0] if kind == "class" else found
    if isinstance(row, np.bytes_ | np.str_ | bytes | str):
        return _text(row)
    return _named(int(row), names)


def _named(number: int, names: tuple[str, ...]) -> str:
    return names[number] if 0 <= number < len(names) else str(number)


def _text(item: Any) -> str:
    return item.decode("utf-8", "replace") if isinstance(item, bytes) else str(item)
