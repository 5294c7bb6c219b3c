"""Images decoded once: a memory-mapped file of squares, or decoding on demand beyond a limit."""

from __future__ import annotations

import hashlib
import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from phoropter.core.errors import InputError
from phoropter.core.events import Listener, Note, Progress, silent
from phoropter.core.files import whole_file
from phoropter.core.protocols import Inputs
from phoropter.core.records import Dataset, Preprocessing, Rows
from phoropter.data.decode import UnreadableImageError
from phoropter.data.parallel import ordered, thread_count
from phoropter.data.preprocess import read_square

if TYPE_CHECKING:
    from torch import Tensor

LIMIT_BYTES = 4 * 2**30
"""Largest store: 28,000 squares of 224 pixels. It bounds both the disk used and the memory that
mapped pages may occupy; the system takes those back whenever something else needs it."""

SPARE_BYTES = 2**30
"""Disk space that a new store leaves free."""

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


class StreamingInputs:
    """Squares decoded when asked for, in threads; memory use is that of one batch."""

    def __init__(self, paths: tuple[Path, ...], preprocessing: Preprocessing) -> None:
        self._paths = paths
        self._preprocessing = preprocessing
        self._pool = ThreadPoolExecutor(thread_count(), thread_name_prefix="phoropter-stream")

    def __len__(self) -> int:
        return len(self._paths)

    def batch(self, rows: Rows) -> Tensor:
        """The images at these positions, (n, c, h, w) uint8.

        Raises:
            InputError: If a file has become unreadable.
        """
        import torch

        images = np.empty((len(rows), *_shape(self._preprocessing)), dtype=np.uint8)
        paths = [self._paths[row] for row in rows]
        for place, image in enumerate(self._pool.map(self._read, paths)):
            images[place] = image
        return torch.from_numpy(images)

    def _read(self, path: Path) -> NDArray[np.uint8]:
        return _read(path, self._preprocessing)


def open_store(
    dataset: Dataset,
    preprocessing: Preprocessing,
    *,
    folder: Path,
    limit_bytes: int = LIMIT_BYTES,
    listener: Listener = silent,
) -> Inputs:
    """The data set's images as uint8 squares, in the order of `dataset.table`.

    They are decoded once into a file in `folder` and mapped from there; the file is reused as
    long as the images' contents, their order and the preprocessing (but for normalisation, which
    happens later) stay the same. Beyond `limit_bytes`, or where the disk is nearly full, they are
    decoded on demand instead.

    Args:
        dataset: An indexed data set.
        preprocessing: How images become squares.
        folder: Where stores are kept; made if missing.
        limit_bytes: Largest store.
        listener: Hears of progress, stage "decoding".

    Raises:
        InputError: If a file has become unreadable since it was indexed.
        StorageError: If the disk is full or the folder cannot be written.
    """
    paths = tuple(dataset.root / path for path in dataset.table["path"])
    shape = (len(paths), *_shape(preprocessing))
    target = folder / f"{store_key(dataset, preprocessing)}.npy"
    images = _mapped(target, shape)
    if images is not None:
        return StoredInputs(images)
    needed = int(np.prod(shape, dtype=np.int64))
    if needed > limit_bytes or needed > _free(folder) - SPARE_BYTES:
        listener(
            Note(
                f"{needed / 2**30:.1f} GiB of pixels are not stored; images are decoded each time."
            )
        )
        return StreamingInputs(paths, preprocessing)
    _write(target, paths, preprocessing, listener=listener)
    images = _mapped(target, shape)
    if images is None:
        raise InputError(
            f"The store {str(target)!r} cannot be read back.", hint="Check the disk it is on."
        )
    return StoredInputs(images)


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
    shape = (len(paths), *_shape(preprocessing))
    description = {"descr": "|u1", "fortran_order": False, "shape": shape}
    with whole_file(target) as partial, partial.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, description)
        squares = ordered(lambda path: _read(path, preprocessing), paths)
        for done, square in enumerate(squares, start=1):
            file.write(square.tobytes())
            listener(Progress("decoding", done, len(paths)))


def _mapped(target: Path, shape: tuple[int, ...]) -> NDArray[np.uint8] | None:
    """The stored images, or None where there is no sound file."""
    if not target.exists():
        return None
    try:
        mapped = np.load(target, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError, OSError):  # cut off or overwritten: it is made again
        return None
    sound = mapped.shape == shape and mapped.dtype == np.uint8
    return np.asarray(mapped) if sound else None


def _read(path: Path, preprocessing: Preprocessing) -> NDArray[np.uint8]:
    try:
        return read_square(path, preprocessing)
    except UnreadableImageError as error:
        raise InputError(
            f"{str(path)!r} was readable when it was indexed, but now: {error.reason}.",
            hint="Run the command again; the file is then listed as rejected.",
        ) from error


def _shape(preprocessing: Preprocessing) -> tuple[int, int, int]:
    return (preprocessing.channels, preprocessing.size, preprocessing.size)


def _free(folder: Path) -> int:
    """Bytes free on the disk that holds `folder` or will."""
    present = folder
    while not present.exists() and present != present.parent:
        present = present.parent
    return shutil.disk_usage(present).free
