"""Data sets that come with the package's own dependencies, written once as real image files."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from phoropter.core.files import storage_errors

_VERSION = "1"  # raise when the files written change


def builtin_names() -> tuple[str, ...]:
    """The names of the built-in data sets, sorted.

    >>> builtin_names()
    ('digits',)
    """
    return tuple(sorted(_WRITERS))


def builtin_folder(name: str) -> Path:
    """The folder of a built-in data set, written at the first call.

    It lies in the user's cache, or in the folder that the environment variable PHOROPTER_CACHE
    names, and appears whole or not at all.

    Raises:
        StorageError: If the cache cannot be written.
    """
    folder = cache_folder() / "builtin" / f"{name}-{_VERSION}" / name
    if folder.is_dir():
        return folder
    with storage_errors(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=folder.parent))
        try:
            content = draft / name
            content.mkdir()
            _WRITERS[name](content)
            _put(content, folder)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    return folder


def _put(content: Path, folder: Path) -> None:
    try:
        content.rename(folder)
    except OSError:
        if not folder.is_dir():  # else another process was faster, with the same files
            raise


def cache_folder() -> Path:
    """Where files are kept that can be made again: PHOROPTER_CACHE, or the user's cache."""
    chosen = os.environ.get("PHOROPTER_CACHE")
    if chosen:
        return Path(chosen).expanduser().resolve()
    import platformdirs

    return Path(platformdirs.user_cache_dir("phoropter"))


def _write_digits(folder: Path) -> None:
    """scikit-learn's 1,797 handwritten digits (UCI, 8 x 8, 17 grey levels), one folder a digit."""
    import numpy as np
    from PIL import Image
    from sklearn.datasets import load_digits

    digits = load_digits()
    pixels = np.rint(digits.images * (255 / 16)).astype(np.uint8)
    for number, (image, label) in enumerate(zip(pixels, digits.target, strict=True)):
        place = folder / str(label)
        place.mkdir(exist_ok=True)
        Image.fromarray(image).save(place / f"{number:04d}.png")


_WRITERS: dict[str, Callable[[Path], None]] = {"digits": _write_digits}
