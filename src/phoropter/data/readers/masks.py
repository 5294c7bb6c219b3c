"""Images with one mask each: a picture whose values or colours are classes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import polars as pl

from phoropter.core.errors import InputError, UsageError
from phoropter.core.records import Dataset, Rejected
from phoropter.data.annotated import AnnotatedImage, described, part_in, peeked, samples
from phoropter.data.decode import UnreadableImageError, header
from phoropter.data.images import SUFFIXES
from phoropter.data.locate import ImageFinder
from phoropter.data.mask_classes import MaskClasses, classes_of, looks_like_mask
from phoropter.data.mask_pairs import Pairs, key, paired
from phoropter.data.parallel import ordered

_PEEK_MASKS = 5
_MOST_LISTS = 20


def detects(path: Path) -> float:
    """How sure this reader is that `path` holds images and their masks, in [0, 1]."""
    if not path.is_dir():
        return 0.0
    pairs = paired(file.relative_to(path).as_posix() for file in peeked(path, SUFFIXES))
    masks = sorted(set(pairs.masks.values()))
    if not masks or len(pairs.orphans) > len(masks):
        return 0.0
    step = max(len(masks) // _PEEK_MASKS, 1)
    chosen = masks[::step][:_PEEK_MASKS]
    good = sum(looks_like_mask(path / mask) for mask in chosen)
    return 0.88 if 2 * good > len(chosen) else 0.0


def read(path: Path, *, target: str | None) -> Dataset:
    """The images below `path` that have a mask of the same name.

    A mask lies in a folder called masks, labels, annotations, ... beside the images' folder, or is
    called like its image with `_mask`, `_label`, ... behind. Names of classes come from a list
    beside them; without one, the values that several masks hold are the classes.

    Args:
        path: The folder.
        target: None; the masks are the target.

    Raises:
        UsageError: If a target is asked for.
        InputError: If no image has a mask.
    """
    if target is not None:
        raise UsageError(
            f"There is no column {target!r}: the masks are the target.",
            hint="Leave --target out.",
        )
    finder = ImageFinder(path)
    pairs = paired(finder.images)
    if not pairs.masks:
        raise InputError(
            f"No image in {str(path)!r} has a mask.",
            hint="Expected images/NAME.jpg and masks/NAME.png, or NAME_mask.png.",
        )
    masks = sorted(set(pairs.masks.values()))
    unreadable = {
        mask: reason
        for mask, reason in zip(masks, ordered(lambda m: _fault(path / m), masks), strict=True)
        if reason
    }
    folders = _list_folders(path, masks)
    classes = classes_of(path, folders, masks)
    named = [file for folder in folders if (file := folder / classes.source).is_file()]
    sources = [*(file.relative_to(path).as_posix() for file in named[:1]), *unreadable]
    return replace(_dataset(path, pairs, classes, unreadable), sources=tuple(sources))


def _fault(mask: Path) -> str:
    try:
        header(mask)
    except UnreadableImageError as error:
        return error.reason
    return ""


def _list_folders(root: Path, masks: list[str]) -> list[Path]:
    """Where lists of classes may lie: in the root, the masks' folders and those above."""
    folders = [root]
    for mask in masks:
        place = root / mask
        for parent in (place.parent, place.parent.parent):
            if parent not in folders and parent.is_relative_to(root):
                folders.append(parent)
        if len(folders) > _MOST_LISTS:
            break
    return folders


def _dataset(path: Path, pairs: Pairs, classes: MaskClasses, unreadable: dict[str, str]) -> Dataset:
    images = [
        AnnotatedImage(image, part_in(key(image)) or part_in(image), mask)
        for image, mask in pairs.masks.items()
        if mask not in unreadable
    ]
    table = samples(images).with_columns(pl.col("annotation").alias("mask_path"))
    values = tuple(classes.names)
    plain = values == tuple(range(len(values)))
    return Dataset(
        name=path.name,
        root=path,
        layout="masks",
        description=_description(table, classes),
        task="segmentation",
        targets=(),
        table=table,
        rejected=tuple(_rejected(pairs, unreadable)),
        classes=tuple(classes.names.values()),
        class_ids=() if plain else values,
        ignored_ids=classes.ignored,
    )


def _description(table: pl.DataFrame, classes: MaskClasses) -> str:
    text = described("images with masks", table, classes=len(classes.names))
    source = f"named by {classes.source}" if classes.source else "as the masks have them"
    return f"{text}; classes {source}"


def _rejected(pairs: Pairs, unreadable: dict[str, str]) -> Iterator[Rejected]:
    for image, mask in pairs.masks.items():
        if mask in unreadable:
            reason = f"its mask {mask} cannot be read: {unreadable[mask]}"
            yield Rejected(image, reason, "unusable")
    for image in pairs.alone:
        yield Rejected(image, "there is no mask for it", "unusable")
    for mask in pairs.orphans:
        yield Rejected(mask, "a mask without image", "annotation")
    for mask in pairs.repeated:
        yield Rejected(mask, "its image has another mask", "annotation")
    for image in pairs.others:
        yield Rejected(image, "an image where none has a mask", "unlisted")
