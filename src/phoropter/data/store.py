"""Images decoded once: a memory-mapped file of squares, or decoding on demand beyond a limit."""

from __future__ import annotations

import hashlib
import json
import math
import os
import shutil
import zlib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from phoropter.core.errors import InputError, UsageError
from phoropter.core.events import Listener, Note, Progress, silent
from phoropter.core.files import whole_file
from phoropter.core.protocols import Inputs
from phoropter.core.records import Dataset, Preprocessing, Rows
from phoropter.data.parallel import ordered
from phoropter.data.streaming import StreamingInputs, read_indexed, square_shape

if TYPE_CHECKING:
    from torch import Tensor

LIMIT_GIB = 4.0
"""Largest store: 28,000 squares of 224 pixels. It bounds both the disk used and the memory that
mapped pages may occupy; the system takes those back whenever something else needs it."""

LIMIT_VARIABLE = "PHOROPTER_STORE_GIB"
"""Of the environment: another limit, for a machine with more room or less."""

SPARE_BYTES = 2**30
"""Disk space that a new store leaves free."""

_CRC_BYTES = 4
_READ_BYTES = 1 << 24
_VERSION = 1  # raise when decoding or preprocessing changes, so that old stores are not reused


class StoredInputs:
    """Squares in a memory-mapped file, in row order."""

    def __init__(self, images: NDArray[np.uint8]) -> None:
        self._images = images

    def __len__(self) -> int:
        return len(self._images)

    def batch(self, rows: Rows) -> Tensor:
        """The images at these positions, (n, c, h, w) uint8, copied out of the map."""
        import torch

        return torch.from_numpy(self._images[rows])


def open_store(
    dataset: Dataset,
    preprocessing: Preprocessing,
    *,
    folder: Path,
    listener: Listener = silent,
) -> Inputs:
    """The data set's images as uint8 squares, in the order of `dataset.table`.

    They are decoded once into a file in `folder` and mapped from there; the file is reused as
    long as the images' contents, their order and the preprocessing (but for normalisation, which
    happens later) stay the same. Beyond `limit_bytes()`, or where the disk is nearly full, they are
    decoded on demand instead.

    Args:
        dataset: An indexed data set.
        preprocessing: How images become squares.
        folder: Where stores are kept; made if missing.
        listener: Hears of progress, stage "decoding".

    Raises:
        InputError: If a file has become unreadable since it was indexed.
        UsageError: If the limit that the environment sets is no size.
        StorageError: If the disk is full or the folder cannot be written.
    """
    paths = tuple(dataset.root / path for path in dataset.table["path"])
    shape = (len(paths), *square_shape(preprocessing))
    target = folder / f"{store_key(dataset, preprocessing)}.npy"
    images = _mapped(target, shape)
    if images is not None:
        return StoredInputs(images)
    needed = int(np.prod(shape, dtype=np.int64))
    if why := _too_large(needed, folder):
        size = f"{needed / 2**30:.1f} GiB of pixels"
        listener(Note(f"{size} are not stored, for {why}; images are decoded each time."))
        return StreamingInputs(paths, preprocessing)
    _write(target, paths, preprocessing, listener=listener)
    images = _mapped(target, shape)
    if images is None:
        raise InputError(
            f"The store {str(target)!r} cannot be read back.", hint="Check the disk it is on."
        )
    return StoredInputs(images)


def limit_bytes() -> int:
    """Size of the largest store: what PHOROPTER_STORE_GIB says, or 4 GiB; 0 stores nothing.

    Raises:
        UsageError: If that is no size.
    """
    chosen = os.environ.get(LIMIT_VARIABLE, "")
    try:
        gib = float(chosen) if chosen else LIMIT_GIB
    except ValueError:
        gib = math.nan
    if not 0 <= gib < math.inf:
        raise UsageError(
            f"{LIMIT_VARIABLE} must be a number of GiB, 0 or more, got {chosen!r}.",
            hint=f"Unset it for {LIMIT_GIB:g} GiB; 0 decodes images whenever they are needed.",
        )
    return int(gib * 2**30)


def _too_large(needed: int, folder: Path) -> str:
    """Why a store of so many bytes is not written; "" if it is."""
    limit = limit_bytes()
    if needed > limit:
        return f"{LIMIT_VARIABLE} is {limit / 2**30:g}"
    return "the disk is nearly full" if needed > _free(folder) - SPARE_BYTES else ""


def store_key(dataset: Dataset, preprocessing: Preprocessing) -> str:
    """Names a store by what decides its content, 32 hexadecimal digits.

    Raises:
        ValueError: If the data set has not been indexed.
    """
    if "digest" not in dataset.table.columns:
        message = "open_store needs a data set that went through index()."
        raise ValueError(message)
    how: tuple[object, ...] = (
        _VERSION,
        preprocessing.size,
        preprocessing.resize,
        preprocessing.channels,
        preprocessing.interpolation,
        preprocessing.crop_share,
    )
    if preprocessing.pad != "constant":  # stores of before stay valid
        how = (*how, preprocessing.pad)
    sums = hashlib.blake2b(json.dumps(how).encode(), digest_size=16)
    for digest in dataset.table["digest"]:
        sums.update(digest.encode())
    return sums.hexdigest()


def _write(
    target: Path, paths: tuple[Path, ...], preprocessing: Preprocessing, *, listener: Listener
) -> None:
    # Written through a file, not through a writable map: there a full disk would be a crash.
    shape = (len(paths), *square_shape(preprocessing))
    description = {"descr": "|u1", "fortran_order": False, "shape": shape}
    with whole_file(target) as partial, partial.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, description)
        squares = ordered(lambda path: read_indexed(path, preprocessing), paths)
        crc = 0
        for done, square in enumerate(squares, start=1):
            content = square.tobytes()
            crc = zlib.crc32(content, crc)
            file.write(content)
            listener(Progress("decoding", done, len(paths)))
        file.write(crc.to_bytes(_CRC_BYTES, "little"))  # behind the array, where numpy ignores it


def _mapped(target: Path, shape: tuple[int, ...]) -> NDArray[np.uint8] | None:
    """The stored images, or None where there is no sound file."""
    if not target.exists():
        return None
    try:
        mapped = np.load(target, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError, OSError):  # cut off or overwritten: it is made again
        return None
    sound = mapped.shape == shape and mapped.dtype == np.uint8
    state = target.stat()
    if not sound or not _unchanged(target, state.st_size, state.st_mtime_ns, mapped.nbytes):
        return None
    return np.asarray(mapped)


@cache
def _unchanged(target: Path, size: int, mtime_ns: int, array_bytes: int) -> bool:  # noqa: ARG001
    """Whether the array has the checksum behind it; looked at once for each state of the file."""
    with target.open("rb") as file:
        file.seek(size - array_bytes - _CRC_BYTES)
        crc, left = 0, array_bytes
        while left > 0 and (content := file.read(min(left, _READ_BYTES))):
            crc = zlib.crc32(content, crc)
            left -= len(content)
        return left == 0 and file.read() == crc.to_bytes(_CRC_BYTES, "little")


def _free(folder: Path) -> int:
    """Bytes free on the disk that holds `folder` or will."""
    present = folder
    while not present.exists() and present != present.parent:
        present = present.parent
    return shutil.disk_usage(present).free
