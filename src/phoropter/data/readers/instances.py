"""A folder an image, with one mask an object in it (Kaggle's Data Science Bowl 2018)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from phoropter.core.errors import InputError, UsageError
from phoropter.core.records import Dataset, Rejected
from phoropter.data.annotated import AnnotatedImage, ObjectRows, described, part_in, samples
from phoropter.data.images import is_image, is_shown

LABEL = "object"
"""The only class: such folders say where objects are, not what they are."""

_IMAGES, _MASKS = "images", "masks"


def detects(path: Path) -> float:
    """How sure this reader is that `path` holds a folder for each image, in [0, 1]."""
    if not path.is_dir():
        return 0.0
    for count, folder in enumerate(_image_folders(path)):
        if count >= 3 or not (folder / _MASKS).is_dir():
            continue
        images, masks = _pictures(folder / _IMAGES), _pictures(folder / _MASKS)
        if len(images) == 1 and masks and images[0].stem not in {mask.stem for mask in masks}:
            return 0.96
    return 0.0


def read(path: Path, *, target: str | None) -> Dataset:
    """The images below `path` with a mask for each object.

    Each image has a folder of its own, with itself in `images` and its objects' masks in `masks`.
    The objects have no box: it is around their mask.

    Args:
        path: The folder.
        target: None; the objects are the target.

    Raises:
        UsageError: If a target is asked for.
        InputError: If there is no such folder.
    """
    if target is not None:
        raise UsageError(
            f"There is no column {target!r}: the masks are the target.",
            hint="Leave --target out.",
        )
    images, objects, rejected = [], ObjectRows(), []
    for folder in _image_folders(path):
        found = _pictures(folder / _IMAGES)
        masks = _pictures(folder / _MASKS) if (folder / _MASKS).is_dir() else []
        shown = [file.relative_to(path).as_posix() for file in found]
        if len(found) != 1 or not (folder / _MASKS).is_dir():
            reason = "no masks for it" if len(found) == 1 else "not the only image of its masks"
            rejected += [Rejected(name, reason, "unusable") for name in shown]
            continue
        place = folder.relative_to(path).as_posix()
        images.append(AnnotatedImage(shown[0], part_in(shown[0]), f"{place}/{_MASKS}"))
        for mask in masks:
            name = mask.relative_to(path).as_posix()
            objects.add(shown[0], LABEL, None, mask_path=name)
    if not images:
        raise InputError(
            f"There is no image with masks in {str(path)!r}.",
            hint="Expected NAME/images/NAME.png and NAME/masks/*.png.",
        )
    table = samples(images)
    return Dataset(
        name=path.name,
        root=path,
        layout="instances",
        description=described("a mask an object", table, classes=1, objects=len(objects)),
        task="instances",
        targets=(),
        table=table,
        rejected=tuple(rejected),
        classes=(LABEL,),
        objects=objects.frame(),
    )


def _image_folders(root: Path) -> Iterator[Path]:
    """The folders below `root` that have a folder "images" in them, sorted."""
    for place, folders, _ in os.walk(root):
        folders[:] = sorted(name for name in folders if is_shown(Path(name)))
        if _IMAGES in folders:
            yield Path(place)
            folders[:] = [name for name in folders if name not in {_IMAGES, _MASKS}]


def _pictures(folder: Path) -> list[Path]:
    files = sorted(child for child in folder.iterdir() if not child.name.startswith("."))
    return [child for child in files if child.is_file() and is_image(child)]
