"""Which files are images, and which only lie beside them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from phoropter.core.records import Rejected

SUFFIXES = frozenset(
    {
        ".apng", ".avif", ".bmp", ".dib", ".gif", ".j2k", ".jfif", ".jp2", ".jpe", ".jpeg", ".jpg",
        ".pbm", ".pgm", ".png", ".pnm", ".ppm", ".tif", ".tiff", ".webp",
    }
)  # fmt: skip
"""Extensions of the formats that are decoded; other files are asked for their first bytes."""

_MAGIC = (
    b"\xff\xd8\xff",
    b"\x89PNG\r\n\x1a\n",
    b"GIF8",
    b"BM",
    b"II*\0",
    b"MM\0*",
    b"\0\0\0\x0cjP",
)
_SYSTEM_FILES = frozenset({"thumbs.db", "desktop.ini", "ehthumbs.db"})
_SYSTEM_FOLDERS = frozenset({"__macosx", "__pycache__", "$recycle.bin", "@eadir"})
_NOTES = frozenset({"readme", "licence", "license", "citation", "changelog", "copying"})
PROJECT_SUFFIX = ".phoropter"
"""Folders of projects, which may lie among the data, are no data."""


def is_image(path: Path) -> bool:
    """Whether the file is meant as an image: by its extension, or else by its first bytes.

    >>> is_image(Path("a.JPG")), is_image(Path("a.bak.png"))
    (True, True)
    """
    if path.suffix.casefold() in SUFFIXES:
        return True
    try:
        with path.open("rb") as file:
            start = file.read(16)
    except OSError:  # not there, not a file or not ours to read: no image for us
        return False
    return start.startswith(_MAGIC) or (start[:4] == b"RIFF" and start[8:12] == b"WEBP")


def is_note(name: str) -> bool:
    """Whether a file beside the data only describes them.

    >>> is_note("README.roboflow.txt"), is_note("LICENSE"), is_note("about.md")
    (True, True, True)
    >>> is_note("license_plate.txt"), is_note("readme.png")
    (False, False)
    """
    plain = name.casefold()
    if plain.endswith(tuple(SUFFIXES)):
        return False
    return plain.partition(".")[0] in _NOTES or plain.endswith(".md")


def is_system_file(name: str) -> bool:
    """Whether a file of this name is left behind by an operating system (Thumbs.db, ...)."""
    return name.casefold() in _SYSTEM_FILES


def is_shown(folder: Path) -> bool:
    """Whether a folder is the user's own: neither hidden nor left by a system or a project."""
    name = folder.name.casefold()
    return not name.startswith(".") and not (
        name in _SYSTEM_FOLDERS or name.endswith(PROJECT_SUFFIX)
    )


def subfolders(folder: Path) -> list[Path]:
    """The folders directly in `folder` that are the user's own, sorted."""
    with os.scandir(folder) as entries:
        found = [Path(entry.path) for entry in entries if entry.is_dir()]
    return sorted(child for child in found if is_shown(child))


def files_below(folder: Path) -> Iterator[Path]:
    """Every file in `folder` and its own subfolders, sorted; follows links, not in circles."""
    for place, folders, names in walked(folder):
        folders[:] = [name for name in folders if is_shown(Path(name))]
        for name in names:
            yield Path(place, name)


def walked(folder: Path) -> Iterator[tuple[str, list[str], list[str]]]:
    """As `os.walk`, everything sorted; links are followed, but no folder is entered twice."""
    seen: set[str] = set()
    for place, folders, names in os.walk(folder, followlinks=True):
        real = os.path.realpath(place)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders.sort()
        yield place, folders, sorted(names)


def contains_image(folder: Path, *, deep: bool = False) -> bool:
    """Whether an image lies directly in `folder` (`deep`: or anywhere below)."""
    files = (
        files_below(folder) if deep else (child for child in folder.iterdir() if child.is_file())
    )
    return any(not path.name.startswith(".") and is_image(path) for path in files)


def refusal(path: Path, shown: str) -> Rejected | None:
    """Why a file is no sample, or None where it is one; a reason of "" means: not worth a word.

    Args:
        path: The file.
        shown: Its path as told to the user.
    """
    name = path.name
    if not _is_utf8(shown):
        readable = os.fsencode(shown).decode("utf-8", "backslashreplace")
        return Rejected(readable, "the file name is not valid UTF-8; rename the file", "unusable")
    if name.startswith("."):
        if path.suffix.casefold() in SUFFIXES and not name.startswith("._"):
            return Rejected(
                shown, "hidden: its name starts with a dot; rename it to use it", "unusable"
            )
        return Rejected(shown, "", "junk")
    if is_system_file(name):
        return Rejected(shown, "a file of the operating system, not an image", "junk")
    if not path.exists():
        return Rejected(shown, "a link that leads nowhere", "unreadable")
    if not path.is_file():
        return Rejected(shown, "not a regular file", "junk")
    if not is_image(path):
        return Rejected(shown, f"not an image ({path.suffix or 'no extension'})", "junk")
    return None


def _is_utf8(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
