"""What watching costs: ResNet-18 at 64 px, trained with and without it step by step in turn.

Run: python benchmarks/watch_overhead.py [--rounds N] [--steps N] [--batch N] [--control]

Two equal networks with an optimiser each are trained in one process on the same batches. Every step
is made with the one and at once with the other, and whichever comes first changes from step to
step, so that a machine that is slower for a second is slower for both. Which of the two is watched
changes from round to round, so that it does not count by how much one of them is slower for itself
(where it lies in memory).

A round is a pass that ends with a validation of one batch, for both. Nothing of the watch is left
out: its statistics, the writing of files, the end of the pass. The pass is among those whose inside
is listened to, functions included, in training and in validation; it is not the first, which is
made before, shorter, and not measured. Steps that took half as long again as the same step of the
same side usually does are left out with their partners, and counted: what the watch costs at that
step belongs to the usual. The ratio is that of all seconds; its interval is a bootstrap over the
rounds. With --control nobody is watched, and the interval should hold 1. Aim: at most 1.03.
"""

from __future__ import annotations

import argparse
import copy
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torchvision.models import resnet18

import phoropter
from phoropter.watching.recording import Recording

FIRST_STEPS = 4  # of the pass that is not measured
LONG = 1.5  # times the usual: somebody else had the processor
RESAMPLES = 2000

Batch = tuple[Tensor, Tensor]


class Side:
    """A network in training, watched or not.

    Args:
        network: Is trained by momentum.
    """

    def __init__(self, network: nn.Module) -> None:
        self.network = network
        self.optimizer = torch.optim.SGD(network.parameters(), lr=1e-3, momentum=0.9)
        self.watch: Recording | None = None

    def step(self, batch: Batch) -> None:
        """One step of the optimiser."""
        self.optimizer.zero_grad()
        loss = cross_entropy(self.network(batch[0]), batch[1])
        loss.backward()
        self.optimizer.step()
        if self.watch is not None:
            self.watch.step(loss)

    def validate(self, batch: Batch) -> None:
        """The end of a pass."""
        self.network.eval()
        with torch.no_grad():
            outputs = self.network(batch[0])
            loss = cross_entropy(outputs, batch[1])
        if self.watch is not None:
            self.watch.epoch(val_loss=loss, predictions=outputs, targets=batch[1])
        self.network.train()


def one_pass(sides: Sequence[Side], batches: Sequence[Batch]) -> NDArray[np.float64]:
    """Seconds of each step of a pass and of its validation, of either side, (steps + 1, 2)."""
    acts: list[Callable[[Side], None]] = [
        lambda side, batch=batch: side.step(batch) for batch in batches
    ]
    acts.append(lambda side: side.validate(batches[0]))
    seconds = np.zeros((len(acts), 2))
    for number, act in enumerate(acts):
        for at in (0, 1) if number % 2 else (1, 0):
            begun = time.perf_counter()
            act(sides[at])
            seconds[number, at] = time.perf_counter() - begun
    return seconds


def watched_pass(
    plain: Side, other: Side, batches: Sequence[Batch], folder: Path | None
) -> NDArray[np.float64]:
    """A pass of which the other side is watched, if there is a folder."""
    if folder is not None:
        other.watch = phoropter.watch(other.network, other.optimizer, folder=folder, classes=10)
    one_pass((plain, other), batches[:FIRST_STEPS])
    seconds = one_pass((plain, other), batches)
    if other.watch is not None:
        other.watch.close()
        other.watch = None
    alone, watched = seconds.sum(0)
    print(f"{alone:.3f} s, the other {watched:.3f} s, ratio {watched / alone:.4f}", flush=True)
    return seconds


def ratio_of(seconds: NDArray[np.float64]) -> float:
    """Watched over not watched, of passes (rounds, steps + 1, 2), without the mishaps."""
    kept = seconds * ~mishaps(seconds).any(2, keepdims=True)
    return float(kept[..., 1].sum() / kept[..., 0].sum())


def mishaps(seconds: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which steps took far longer than the same step of the same side in other rounds."""
    return seconds > LONG * np.median(seconds, axis=0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=24)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--control", action="store_true")
    chosen = parser.parse_args()
    torch.default_generator.manual_seed(0)
    network = resnet18(num_classes=10)
    sides = Side(network), Side(copy.deepcopy(network))
    batches = [
        (torch.randn(chosen.batch, 3, 64, 64), torch.randint(0, 10, (chosen.batch,)))
        for _ in range(chosen.steps)
    ]
    one_pass(sides, batches[:FIRST_STEPS])  # warms up
    with tempfile.TemporaryDirectory() as place:
        folder = None if chosen.control else Path(place)
        rounds = np.stack(
            [
                watched_pass(*sides[:: 1 - 2 * (n % 2)], batches, folder)
                for n in range(chosen.rounds)
            ]
        )
    draw = np.random.default_rng(0)
    resampled = [
        ratio_of(rounds[draw.integers(len(rounds), size=len(rounds))]) for _ in range(RESAMPLES)
    ]
    low, high = np.quantile(resampled, [0.025, 0.975])
    alone, watched = mishaps(rounds).sum((0, 1))
    print(f"steps left out: {alone} long ones not watched, {watched} watched, and their partners")
    print(f"ratio {ratio_of(rounds):.4f} (95 % interval {low:.4f} to {high:.4f})")


if __name__ == "__main__":
    main()
