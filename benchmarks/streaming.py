"""Training on images that are decoded meanwhile: on demand, ahead in threads, or by a DataLoader.

Run: python benchmarks/streaming.py --photos FOLDER [--rounds N] [--threads N]

JPEGs of 3 megapixels, mosaics of the photographs in FOLDER, go through a small CNN at 64 px, where
decoding takes longer than training, and through a ResNet-18 at 128 px, where it takes less; batches
of 32. The ways alternate: `stored`, the same batch over and over, the bound; `on demand`, by all
cores once the network is through; `ahead N`, two batches early by N threads; `processes N`, by
PyTorch's DataLoader, the start of its processes included. Printed is the median time of a run
and the part of it that the network waited.

`--threads` are those of the network: as many as there are cores, or fewer, as where a GPU does its
work, and some are idle.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import cycle, repeat
from pathlib import Path
from statistics import median

import numpy as np
import timm
import torch
from decoding import mosaic
from torch import Tensor, nn
from torch.nn import functional
from typing_extensions import override

from phoropter.core.records import Normalization, Preprocessing
from phoropter.data.images import files_below, is_image
from phoropter.data.parallel import thread_count
from phoropter.data.streaming import AHEAD, StreamingInputs, read_indexed

BATCH = 32
FILES = 8
CASES = {"cnn": (64, 8), "resnet18": (128, 4)}
"""Side of the input, pixels, and steps of a run."""

Order = list[np.ndarray]


class Photos(torch.utils.data.Dataset[Tensor]):
    def __init__(self, paths: tuple[Path, ...], how: Preprocessing) -> None:
        self.paths, self.how = paths, how

    def __len__(self) -> int:
        return len(self.paths)

    @override
    def __getitem__(self, row: int) -> Tensor:
        return torch.from_numpy(read_indexed(self.paths[row], self.how))


def made(name: str) -> nn.Module:
    if name == "resnet18":
        residual: nn.Module = timm.create_model(name, num_classes=4)
        return residual
    stages: list[nn.Module] = []
    for inputs, outputs in ((3, 32), (32, 64), (64, 128)):
        convolution = nn.Conv2d(inputs, outputs, 3, padding=1)
        stages += [convolution, nn.BatchNorm2d(outputs), nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(*stages, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(128, 4))


def loaded(
    paths: tuple[Path, ...], how: Preprocessing, order: Order, workers: int
) -> Iterator[Tensor]:
    rows = [batch.tolist() for batch in order]
    photos = Photos(paths, how)
    return iter(torch.utils.data.DataLoader(photos, batch_sampler=rows, num_workers=workers))


def train(name: str, start: Callable[[], Iterator[Tensor]]) -> tuple[float, float]:
    """Seconds in all, and those in which it waited."""
    network = made(name)
    optimizer = torch.optim.AdamW(network.parameters())
    labels = torch.arange(BATCH) % 4
    waited = 0.0
    begun = time.perf_counter()
    batches = start()
    while True:
        asked = time.perf_counter()
        images = next(batches, None)
        if images is None:
            return time.perf_counter() - begun, waited
        waited += time.perf_counter() - asked
        optimizer.zero_grad()
        outputs = network(images.float().div_(255))
        torch.autograd.backward(functional.cross_entropy(outputs, labels))
        optimizer.step()


def measure(name: str, paths: tuple[Path, ...], rounds: int) -> None:
    size, steps = CASES[name]
    how = Preprocessing(size, "crop", 3, "bicubic", 0.875, Normalization((0.5,) * 3, (0.25,) * 3))
    draw = np.random.default_rng(0)
    order = [draw.integers(0, len(paths), BATCH) for _ in range(steps)]
    batch = StreamingInputs(paths, how).batch(order[0])
    cores = thread_count()

    def streamed(workers: int, ahead: int) -> Iterator[Tensor]:
        return StreamingInputs(paths, how, workers=workers).batches(order, ahead=ahead)

    ways: dict[str, Callable[[], Iterator[Tensor]]] = {"stored": lambda: repeat(batch, steps)}
    ways["on demand"] = partial(streamed, cores, 0)
    for count in sorted({1, cores}):
        ways[f"ahead {count}"] = partial(streamed, count, AHEAD)
        ways[f"processes {count}"] = partial(loaded, paths, how, order, count)
    train(name, ways["stored"])
    spent: dict[str, list[tuple[float, float]]] = {way: [] for way in ways}
    for _ in range(rounds):
        for way, start in ways.items():
            spent[way].append(train(name, start))
    print(f"{name}, {size} px, {steps} steps, {torch.get_num_threads()} threads of {cores} cores")
    for way, runs in spent.items():
        total, waited = (median(side) for side in zip(*runs, strict=True))
        print(f"  {way:12} {total:6.2f} s, waited {waited:5.2f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--only", choices=tuple(CASES))
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    photos = cycle([path for path in files_below(chosen.photos) if is_image(path)])
    with tempfile.TemporaryDirectory() as folder:
        paths = tuple(Path(folder) / f"{number}.jpg" for number in range(FILES))
        for path in paths:
            mosaic(photos).save(path, quality=90)
        for name in CASES:
            if chosen.only in {None, name}:
                measure(name, paths, chosen.rounds)


if __name__ == "__main__":
    main()
