"""Images decoded whenever they are needed, in threads, ahead of the network."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from phoropter.core.errors import InputError
from phoropter.core.protocols import Inputs
from phoropter.core.records import Preprocessing, Rows
from phoropter.data.decode import UnreadableImageError
from phoropter.data.parallel import thread_count
from phoropter.data.preprocess import read_square

if TYPE_CHECKING:
    from torch import Tensor

AHEAD = 2
"""Batches begun before they are asked for: one waits while the next is decoded. Both together take
half of the memory of the batch that the network has before it as floats. On a CPU, where decoding
takes cores from the network, it is as fast as decoding first and computing then, and a third faster
beside other processes (benchmarks/streaming.py)."""


class StreamingInputs:
    """Squares decoded when asked for; no more is held than the batches under way.

    Threads do it, for the decoders let go of Python's lock: worker processes of PyTorch's
    DataLoader were slower, by their start and by what they send (benchmarks/streaming.py).

    Args:
        paths: Of the images, by row.
        preprocessing: How an image becomes a square.
        workers: Threads that decode; None: one a core.
    """

    def __init__(
        self, paths: tuple[Path, ...], preprocessing: Preprocessing, *, workers: int | None = None
    ) -> None:
        self._paths = paths
        self._preprocessing = preprocessing
        self._pool = ThreadPoolExecutor(
            workers or thread_count(), thread_name_prefix="phoropter-stream"
        )

    def __len__(self) -> int:
        return len(self._paths)

    def batch(self, rows: Rows) -> Tensor:
        """The images at these positions, (n, c, h, w) uint8.

        Raises:
            InputError: If a file has become unreadable.
        """
        (images,) = self.batches([rows], ahead=0)
        return images

    def batches(self, order: Iterable[Rows], *, ahead: int) -> Generator[Tensor]:
        """The images of each of these lists of positions in turn, (n, c, h, w) uint8.

        Images that nobody has begun with are dropped when the iterator is closed or fails.

        Args:
            order: What will be asked for.
            ahead: Batches that are decoded while the one before them is used.

        Raises:
            InputError: If a file has become unreadable; where its batch would have come.
        """
        import torch

        started = map(self._started, order)
        waiting: deque[tuple[NDArray[np.uint8], list[Future[None]]]] = deque()
        try:
            waiting.extend(islice(started, 1 + ahead))
            while waiting:
                images, decoded = waiting[0]
                for image in decoded:
                    image.result()
                waiting.popleft()
                yield torch.from_numpy(images)
                waiting.extend(islice(started, 1))
        finally:
            for _, decoded in waiting:
                for image in decoded:
                    image.cancel()

    def _started(self, rows: Rows) -> tuple[NDArray[np.uint8], list[Future[None]]]:
        """Room for a batch, and who fills it."""
        images = np.empty((len(rows), *square_shape(self._preprocessing)), dtype=np.uint8)

        def fill(place: int, row: int) -> None:
            images[place] = read_indexed(self._paths[row], self._preprocessing)

        return images, [self._pool.submit(fill, *numbered) for numbered in enumerate(rows.tolist())]


def in_order(inputs: Inputs, order: Iterable[Rows], *, ahead: int) -> Generator[Tensor]:
    """`map(inputs.batch, order)`; images that are streamed are decoded `ahead` batches early."""
    if isinstance(inputs, StreamingInputs):
        yield from inputs.batches(order, ahead=ahead)
    else:
        yield from map(inputs.batch, order)


def read_indexed(path: Path, preprocessing: Preprocessing) -> NDArray[np.uint8]:
    """`read_square` of a file that was sound when its data set was indexed.

    Raises:
        InputError: If it no longer is.
    """
    try:
        return read_square(path, preprocessing)
    except UnreadableImageError as error:
        raise InputError(
            f"{str(path)!r} was readable when it was indexed, but now: {error.reason}.",
            hint="Run the command again; the file is then listed as rejected.",
        ) from error


def square_shape(preprocessing: Preprocessing) -> tuple[int, int, int]:
    """Of an image made ready: (channels, height, width)."""
    return (preprocessing.channels, preprocessing.size, preprocessing.size)
