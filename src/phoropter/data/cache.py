"""The folder of files that can be made again, and folders that appear in it whole or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from phoropter.core.errors import StorageError
from phoropter.core.files import storage_errors

SPARE_BYTES = 256 << 20
"""Left free on the disk beside what is written."""


def cache_folder() -> Path:
    """Where files are kept that can be made again: PHOROPTER_CACHE, or the user's cache."""
    chosen = os.environ.get("PHOROPTER_CACHE")
    if chosen:
        return Path(chosen).expanduser().resolve()
    import platformdirs

    return Path(platformdirs.user_cache_dir("phoropter"))


def folder_once(folder: Path, write: Callable[[Path], None]) -> Path:
    """`folder`, filled by `write` unless it is there already; it appears whole or not at all.

    Args:
        folder: Where it is to be.
        write: Fills an empty folder of the same name, which is then moved into place.

    Raises:
        StorageError: If the place cannot be written.
    """
    if folder.is_dir():
        return folder

    def written(draft: Path) -> str:
        write(draft)
        return ""

    return folder_by_content(folder.parent, folder.name, written)


def folder_by_content(parent: Path, name: str, write: Callable[[Path], str]) -> Path:
    """The folder `parent/key/name` that `write` fills, `key` being what it returns.

    Where a folder of that key is there already, what was written is thrown away.

    Args:
        parent: The folder above.
        name: Name of the folder.
        write: Fills an empty folder and returns the key, "" for none.

    Raises:
        StorageError: If the place cannot be written.
    """
    with storage_errors(parent):
        parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=parent))
        try:
            content = draft / name
            content.mkdir()
            folder = parent / write(content) / name
            folder.parent.mkdir(parents=True, exist_ok=True)
            _put(content, folder)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    return folder


def check_space(size: int) -> None:
    """Refuses to write `size` more bytes where the disk of the cache has no room for them.

    Raises:
        StorageError: If so.
    """
    folder = cache_folder()
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    if size + SPARE_BYTES > free:
        raise StorageError(
            f"Unpacking needs {size / 2**30:.2f} GiB in {str(cache_folder())!r}, where "
            f"{free / 2**30:.2f} GiB are free.",
            hint="Free some space, or name another folder in the variable PHOROPTER_CACHE.",
        )


def _put(content: Path, folder: Path) -> None:
    try:
        content.rename(folder)
    except OSError:
        if not folder.is_dir():  # else another process was faster, with the same files
            raise
