"""Which mask belongs to which image, by the names of folders and files."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from phoropter.data.parts import part_of

_WORDS = (
    r"(?:semantic[_ -]?)?(?:masks?|labels?|annotations?|annots?|gt(?:fine|coarse)?"
    r"|ground[_ -]?truths?|seg(?:mentations?)?(?:class)?|targets?)"
)
_MASK_FOLDER = re.compile(rf"(?:^|(?<=[_\-. ])){_WORDS}(?=$|[_\-. \d])|annot$", re.IGNORECASE)
_MASK_STEM = re.compile(rf"[_\-. ](?:{_WORDS}|gtFine_labelIds|labelIds|L|P)$", re.IGNORECASE)
_IMAGE_FOLDERS = frozenset(
    {"images", "image", "imgs", "img", "jpegimages", "input", "inputs", "leftimg8bit", "photos",
     "pictures", "rgb", "pngimages", "frames"}
)  # fmt: skip
_IMAGE_STEM = re.compile(r"[_\-. ](?:leftImg8bit|image|img|rgb|sat)$", re.IGNORECASE)
_EXTRA_PLANES = re.compile(r"_(?:color|instanceIds|polygons)$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Pairs:
    """Images and masks as far as they belong together.

    Args:
        masks: Mask by image.
        alone: Images in the folders of the others that have no mask.
        orphans: Masks without image.
        repeated: Masks of an image that has another one.
        others: Images elsewhere.
    """

    masks: Mapping[str, str]
    alone: Sequence[str]
    orphans: Sequence[str]
    repeated: Sequence[str]
    others: Sequence[str]


def is_mask(path: str) -> bool:
    """Whether a picture's folder or name says that it is a mask.

    >>> is_mask("train/masks/1.png"), is_mask("a/1_mask.png"), is_mask("trainannot/1.png")
    (True, True, True)
    >>> is_mask("train/images/1.png"), is_mask("masked/1.png")
    (False, False)
    """
    place = PurePosixPath(path)
    return any(_MASK_FOLDER.search(name) for name in place.parent.parts) or bool(
        _MASK_STEM.search(place.stem)
    )


def key(path: str) -> str:
    """What an image and its mask have in common.

    >>> key("images/train/1.jpg") == key("semantic_masks/train/1.png") == key("train_masks/1.png")
    True
    >>> key("a/1.jpg") == key("a/1_mask.png")
    True
    """
    place = PurePosixPath(path)
    folders = [kept for name in place.parent.parts if (kept := _kept(name))]
    stem = _MASK_STEM.sub("", _IMAGE_STEM.sub("", place.stem))
    return "/".join([*folders, stem])


def _kept(folder: str) -> str:
    """The part of a folder's name that images and masks share."""
    if folder.casefold() in _IMAGE_FOLDERS:
        return ""
    rest = _MASK_FOLDER.sub("", folder).strip("_-. ")
    if rest == folder:
        return folder
    return rest if part_of(rest) else ""


def paired(paths: Iterable[str]) -> Pairs:
    """Images and masks among these pictures."""
    pictures = sorted(path for path in paths if not _EXTRA_PLANES.search(PurePosixPath(path).stem))
    images = {path: key(path) for path in pictures if not is_mask(path)}
    by_key: dict[str, list[str]] = {}
    for path, name in images.items():
        by_key.setdefault(name, []).append(path)
    masks: dict[str, str] = {}
    orphans, repeated = [], []
    for path in pictures:
        if path in images:
            continue
        fitting = by_key.get(key(path), [])
        if not fitting:
            orphans.append(path)
        elif fitting[0] in masks:
            repeated.append(path)
        else:
            masks |= dict.fromkeys(fitting, path)
    folders = {path.rpartition("/")[0] for path in masks}
    lonely = [path for path in images if path not in masks]
    return Pairs(
        masks=masks,
        alone=[path for path in lonely if path.rpartition("/")[0] in folders],
        orphans=orphans,
        repeated=repeated,
        others=[path for path in lonely if path.rpartition("/")[0] not in folders],
    )
