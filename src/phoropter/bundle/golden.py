"""Golden samples: a few real inputs with the answers the original network gave to them."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from phoropter.core.errors import CorruptFileError
from phoropter.core.files import whole_file


@dataclass(frozen=True, slots=True, eq=False)
class Golden:
    """Inputs and the original answers.

    Args:
        pixels: Shape (n, c, s, s), uint8.
        answers: Probabilities (n, k) or values (n, t), float64.
    """

    pixels: NDArray[np.uint8]
    answers: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.pixels)


def write_golden(path: Path, golden: Golden) -> None:
    """Writes the samples as a compressed NPZ, whole or not at all."""
    with whole_file(path) as partial, partial.open("wb") as file:
        np.savez_compressed(file, pixels=golden.pixels, answers=golden.answers)


def read_golden(path: Path) -> Golden:
    """What `write_golden` wrote; pickled content is refused.

    Raises:
        CorruptFileError: If the file is damaged.
    """
    try:
        with np.load(path, allow_pickle=False) as content:
            return Golden(pixels=content["pixels"], answers=content["answers"])
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise CorruptFileError(
            f"The golden samples {str(path)!r} cannot be read: {error}.",
            hint="Export the run again.",
        ) from error
