"""Finds the image files that the cells of a table mean."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from phoropter.core.records import Rejected
from phoropter.data.images import files_below, refusal

_DRIVE = re.compile(r"[A-Za-z]:/|//")


@dataclass(frozen=True, slots=True)
class Located:
    """The file that a cell means (relative to the root), or the reason why there is none."""

    path: str | None
    reason: str = ""


class ImageFinder:
    """The images below one folder, found by their path, the end of it, or their bare name.

    Tables travel: the folder above, the case, the extension or another computer's absolute path
    may differ from what lies on the disk. A cell is resolved only where exactly one file fits, and
    never to a file outside of the root.

    Args:
        root: The folder that the table lies in.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self.images: set[str] = set()
        self.refused: dict[str, Rejected] = {}
        for path in files_below(root):
            shown = path.relative_to(root).as_posix()
            refused = refusal(path, shown)
            if refused is None:
                self.images.add(shown)
            elif refused.kind != "junk":
                self.refused[refused.path] = refused
        self._by_name = _by_lower((PurePosixPath(path).name, path) for path in self.images)
        self._by_stem = _by_lower((PurePosixPath(path).stem, path) for path in self.images)

    def find(self, cell: str) -> Located:
        """The image that a cell means."""
        text = cell.strip().replace("\\", "/")
        if not text:
            return Located(None, "no file is named")
        absolute = text.startswith("/") or _DRIVE.match(text) is not None
        relative = self._inside(text) if absolute else PurePosixPath(text).as_posix()
        if relative is None:  # another computer's path: only its last part can mean something here
            found = self._unique(PurePosixPath(text).name)
            outside = Located(None, "the path leads out of the data folder")
            return found if found.path else outside
        if ".." in PurePosixPath(relative).parts:
            return Located(None, "the path leads out of the data folder")
        if relative in self.images:
            return Located(relative)
        if relative in self.refused:
            return Located(None, self.refused[relative].reason)
        return self._unique(relative)

    def _inside(self, text: str) -> str | None:
        path = PurePosixPath(text)
        root = PurePosixPath(self._root.as_posix())
        return path.relative_to(root).as_posix() if path.is_relative_to(root) else None

    def _unique(self, relative: str) -> Located:
        """The one image whose path ends so, whatever the case, with or without an extension."""
        name = PurePosixPath(relative).name.casefold()
        ending = f"/{relative}".casefold()
        fits = [
            path for path in self._by_name.get(name, ()) if f"/{path}".casefold().endswith(ending)
        ]
        if not fits:
            fits = [
                path
                for path in self._by_stem.get(name, ())
                if f"/{PurePosixPath(path).with_suffix('')}".casefold().endswith(ending)
            ]
        if len(fits) == 1:
            return Located(fits[0])
        if fits:
            return Located(None, f"{len(fits)} files fit, {min(fits)!r} is one of them")
        return Located(None, "there is no such file")


def _by_lower(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = defaultdict(list)
    for key, path in pairs:
        groups[key.casefold()].append(path)
    return groups
