"""A network and samples to raw outputs, as fast as the device allows."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from phoropter.core.protocols import Inputs
from phoropter.core.records import Normalization, Rows
from phoropter.prediction.fuse import fused
from phoropter.prediction.tta import averaged

# Numbers of input in a batch on a CPU: the activations of four 224 px images stay in its caches;
# batches of 8 and 16 were a third slower (docs/adr/0004).
_CPU_NUMBERS = 4 * 3 * 224 * 224
_CPU_MOST = 512
_GPU_BATCH = 256
_CPU = torch.device("cpu")
# Folding pays for itself after about this much input (100 images of 224 px).
_FUSE_FROM_NUMBERS = 100 * 3 * 224 * 224


def outputs(
    network: nn.Module,
    inputs: Inputs,
    rows: Rows,
    *,
    normalization: Normalization | None,
    batch_size: int | None = None,
    tta: int = 1,
    device: torch.device | None = None,
) -> NDArray[np.float32]:
    """Raw outputs of the network for some samples, float32 (n, outputs), in the order of `rows`.

    The network is left in the mode it was in; its own weights are never changed.

    Args:
        network: Normalised images, or features, to outputs.
        inputs: uint8 images (n, c, h, w), or float features (n, d) that are passed on as they are.
        rows: Positions in `inputs`.
        normalization: For images: applied to pixels in [0, 1]. None: only divided by 255.
        batch_size: Samples at a time; None: what is fast on this device.
        tta: Views averaged for each sample, see `prediction.tta`; images only.
        device: Where to compute; None: where the network's parameters are.
    """
    if len(rows) == 0:
        return np.empty((0, 0), dtype=np.float32)
    place = device or _device_of(network)
    example = prepared(inputs.batch(rows[:1]), normalization, place)
    training = network.training
    network.eval()
    try:
        ready = network.to(place)
        if len(rows) * tta * example.numel() >= _FUSE_FROM_NUMBERS:
            ready = hastened(ready, example)
        size = batch_size or _batch_size(example)
        blocks = [rows[first : first + size] for first in range(0, len(rows), size)]
        return answers(ready, inputs, blocks, normalization=normalization, tta=tta, device=place)
    finally:
        network.train(training)


def hastened(network: nn.Module, example: Tensor) -> nn.Module:
    """A copy that answers the same sooner: folded, channels last. On a GPU the network itself.

    Worth its fraction of a second from about a hundred images on.

    Args:
        network: In eval mode.
        example: Input like those to come, on the network's device, (1, ...).
    """
    if example.device.type != "cpu" or example.ndim != 4:
        return network
    return fused(network, example).to(memory_format=torch.channels_last)


def answers(
    network: nn.Module,
    inputs: Inputs,
    blocks: Sequence[Rows],
    *,
    normalization: Normalization | None,
    tta: int = 1,
    device: torch.device = _CPU,
) -> NDArray[np.float32]:
    """Raw outputs of a network in eval mode, block by block of rows, as one array."""

    def answer(block: Rows) -> NDArray[np.float32]:
        with torch.inference_mode():
            batch = prepared(inputs.batch(block), normalization, device)
            views = tta if batch.ndim == 4 else 1
            return averaged(network, batch, tta=views).float().cpu().numpy()

    return np.concatenate(list(_each(answer, blocks, device=device)))


def prepared(batch: Tensor, normalization: Normalization | None, device: torch.device) -> Tensor:
    """The batch as the network wants it: normalised float32, channels last; features untouched."""
    if batch.dtype != torch.uint8:
        return batch.to(device)
    images = batch.to(device, memory_format=torch.channels_last).float().div_(255)
    if normalization is None:
        return images
    mean = torch.tensor(normalization.mean, device=device).view(1, -1, 1, 1)
    std = torch.tensor(normalization.std, device=device).view(1, -1, 1, 1)
    return images.sub_(mean).div_(std)


def _each(
    answer: Callable[[Rows], NDArray[np.float32]], blocks: Sequence[Rows], *, device: torch.device
) -> Iterator[NDArray[np.float32]]:
    """`map(answer, blocks)`; on a CPU each core takes whole blocks, without waiting for others.

    One thread a block needs no barrier within each layer. On an idle machine that is as fast as
    all threads on one block, and on a busy one, where a barrier waits for the thread that was sent
    away, many times faster.
    """
    threads = torch.get_num_threads()
    if device.type != "cpu" or threads == 1 or len(blocks) == 1:
        yield from map(answer, blocks)
        return
    waiting: deque[Future[NDArray[np.float32]]] = deque()
    with (
        _single_threads(),
        ThreadPoolExecutor(
            threads,
            thread_name_prefix="phoropter-predict",
            initializer=torch.set_num_threads,
            initargs=(1,),
        ) as pool,
    ):
        try:
            for block in blocks:
                waiting.append(pool.submit(answer, block))
                if len(waiting) > 2 * threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


@contextmanager
def _single_threads() -> Iterator[None]:
    """Restores the number of threads, which workers lower for themselves and for new threads."""
    threads = torch.get_num_threads()
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _batch_size(example: Tensor) -> int:
    return cpu_batch(example.numel()) if example.device.type == "cpu" else _GPU_BATCH


def cpu_batch(numbers: int) -> int:
    """Samples of so many numbers that one core answers at a time: few enough for its cache."""
    return min(_CPU_MOST, max(1, _CPU_NUMBERS // numbers))


def _device_of(network: nn.Module) -> torch.device:
    for tensor in (*network.parameters(), *network.buffers()):
        return tensor.device
    return torch.device("cpu")
