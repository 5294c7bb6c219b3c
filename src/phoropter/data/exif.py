"""When and with which camera photographs were taken, as their files say."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from PIL import Image

from phoropter.data.decode import BROKEN_METADATA, quiet
from phoropter.data.parallel import ordered

_MAKE, _MODEL, _TIME = 0x010F, 0x0110, 0x0132
_DETAILS, _ORIGINAL, _SERIAL = 0x8769, 0x9003, 0xA431
_FORMATS = ("JPEG", "TIFF", "WEBP")  # Pillow opens MPO, several JPEGs in one, as JPEG
_FIRST = 50
"""Files asked first; where none of them says anything, the others are not opened."""


@dataclass(frozen=True, slots=True)
class Shot:
    """What a file says of how it came about.

    Args:
        camera: Maker, model and serial number, "" where not said.
        taken: By the camera's clock, or None.
    """

    camera: str
    taken: datetime | None


def shots(root: Path, paths: list[str]) -> list[Shot]:
    """What each file says; only headers are read, and broken ones say nothing."""
    step = max(len(paths) // _FIRST, 1)
    sample = ordered(lambda path: shot(root / path), paths[::step])
    if not any(one.taken or one.camera for one in sample):
        return [Shot("", None)] * len(paths)
    return list(ordered(lambda path: shot(root / path), paths))


def shot(path: Path) -> Shot:
    """What one file says."""
    try:
        with quiet:
            Image.init()
            with Image.open(path, formats=_FORMATS) as image:
                tags = image.getexif()
                details = tags.get_ifd(_DETAILS)
                # Values are read from their places in the file when they are asked for.
                camera = (tags.get(_MAKE), tags.get(_MODEL), details.get(_SERIAL))
                taken = details.get(_ORIGINAL) or tags.get(_TIME)
    except (*BROKEN_METADATA, Image.DecompressionBombError):  # they say nothing then
        return Shot("", None)
    return Shot(
        camera=" ".join(str(part).strip("\0 ") for part in camera if part), taken=_moment(taken)
    )


def _moment(text: object) -> datetime | None:
    try:
        return datetime.strptime(str(text).strip("\0 "), "%Y:%m:%d %H:%M:%S")
    except ValueError:
        return None
