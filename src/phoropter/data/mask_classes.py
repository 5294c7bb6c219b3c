"""What the values of masks mean: by a list beside them, or by what most of them hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from phoropter.data.class_names import Names, every_list, ignored
from phoropter.data.decode import UnreadableImageError, decode_values
from phoropter.data.parallel import ordered

SAMPLED = 60
"""Masks that are opened to learn which values are usual."""

VOID = 255
"""The usual value of pixels that belong to no class (Pascal VOC and its successors)."""

_COMMON_SHARE = 0.05
_MOST_CLASSES = 300
_GREYS = 256


@dataclass(frozen=True, slots=True)
class MaskClasses:
    """The classes of masks.

    Args:
        names: Class names by value, without the ignored values.
        ignored: Values of no class.
        source: The list that names them, or "" where they were inferred.
    """

    names: Names
    ignored: tuple[int, ...]
    source: str


def usual_values(root: Path, masks: Sequence[str]) -> tuple[int, ...]:
    """The values that several of the masks hold, sorted; JPEGs, which blur values, do not count."""
    step = max(len(masks) // SAMPLED, 1)
    seen: Counter[int] = Counter()
    opened = 0
    for values in ordered(lambda mask: _values(root / mask), list(masks)[::step][:SAMPLED]):
        if values is not None:
            opened += 1
            seen.update(values)
    fewest = _COMMON_SHARE * opened
    common = [value for value, count in seen.items() if count > max(fewest, opened > 3)]
    return tuple(sorted(common)[:_MOST_CLASSES])


def looks_like_mask(file: Path, *, most: int = 64) -> bool:
    """Whether a picture has few values, as masks do and photographs do not."""
    values = _values(file)
    return values is not None and len(values) <= most


def classes_of(root: Path, folders: Iterable[Path], masks: Sequence[str]) -> MaskClasses:
    """The classes of the masks below `root`.

    Args:
        root: The folder of the data set; the README in it may say which value is ignored.
        folders: Where lists of names may lie; the one that names most values is taken.
        masks: The masks, relative to the root.
    """
    usual = usual_values(root, masks)
    best: Names = {}
    source = ""
    for folder in folders:
        for names, file in every_list(folder):
            if _covered(names, usual) > _covered(best, usual):
                best, source = names, file
    if 2 * _covered(best, usual) < len(usual):
        best, source = inferred(usual), ""
    void = {*ignored(best, root)}
    if VOID not in best and all(value < _GREYS for value in best):
        void.add(VOID)
    names = {value: name for value, name in best.items() if value not in void}
    return MaskClasses(names, tuple(sorted(void)), source)


def _covered(names: Names, usual: Sequence[int]) -> int:
    return sum(value in names for value in usual)


def inferred(usual: Sequence[int]) -> Names:
    """Names for usual values that no list names.

    >>> inferred([0, 255]), inferred([0, 1, 3, 255])[2]
    ({0: 'background', 255: 'foreground'}, 'class 2')
    """
    if len(usual) == 2 and usual[0] == 0 and usual[1] in {1, VOID}:
        return {0: "background", usual[1]: "foreground"}
    kept = [value for value in usual if value != VOID]
    if kept and max(kept) < _GREYS:
        dense = 2 * len(kept) > max(kept)
        return {value: f"class {value}" for value in (range(max(kept) + 1) if dense else kept)}
    return {value: f"#{value:06x}" for value in usual}


def _values(file: Path) -> list[int] | None:
    """The different values in a mask; None where it cannot be read or is a JPEG."""
    try:
        head, values = decode_values(file)
    except UnreadableImageError:
        return None
    return None if head.format == "JPEG" else [int(value) for value in np.unique(values)]
