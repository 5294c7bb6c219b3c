"""Features on disk, by the digest of the image's content; every file is written whole."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from phoropter.core.files import whole_file

Feature = NDArray[np.float32]


class FeatureStore:
    """A folder of shards, each one a block of features that were computed together.

    Args:
        folder: Made when the first shard is added.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self) -> dict[str, Feature]:
        """Every feature kept so far, float32 (d,), by digest."""
        found: dict[str, Feature] = {}
        for path in sorted(self._folder.glob("*.npz")):
            found |= _shard(path)
        return found

    def add(self, features: Mapping[str, Feature]) -> None:
        """Writes one more shard, whole or not at all.

        Raises:
            StorageError: If the disk is full or the folder cannot be written.
        """
        digests = np.array(list(features), dtype=np.str_)
        name = hashlib.blake2b("".join(features).encode(), digest_size=8).hexdigest()
        with whole_file(self._folder / f"{name}.npz") as partial, partial.open("wb") as file:
            np.savez(file, digests=digests, features=np.stack(list(features.values())))


def _shard(path: Path) -> dict[str, Feature]:
    """The content of one file; nothing where it is damaged: it is computed and written again."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as content:
            digests, features = content["digests"], content["features"]
    except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile):
        return {}
    return dict(zip(digests.tolist(), features, strict=True))
