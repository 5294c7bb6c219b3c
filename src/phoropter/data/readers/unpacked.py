"""What was unpacked into the cache before, from a container or an object of another library."""

from __future__ import annotations

from pathlib import Path

from phoropter.core.records import Dataset
from phoropter.data.unpacked import MANIFEST, read_unpacked


def detects(path: Path) -> float:
    """Whether `path` is a folder that was written by unpacking: 1 or 0."""
    return float(path.is_dir() and (path / MANIFEST).is_file())


def read(path: Path, *, target: str | None) -> Dataset:
    """The data set as it was unpacked.

    Args:
        path: The folder.
        target: None or the name of the target.

    Raises:
        CorruptFileError: If the table of the samples is damaged.
        UsageError: If another target is asked for.
    """
    return read_unpacked(path, target=target)
