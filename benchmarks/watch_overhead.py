"""What watching costs: ResNet-18 at 64 px, trained with and without it step by step in turn.

Run: python benchmarks/watch_overhead.py [--pairs N] [--steps N] [--batch N] [--control]

Two equal networks with an optimiser each are trained in one process on the same batches. Every step
is made with the one and at once with the other, and whichever comes first changes from step to
step, so that a machine that is slower for a second is slower for both. Of a pair of passes each
network is watched in one; the geometric mean of both ratios does not know by how much one network
is slower than the other for itself (where it lies in memory).

A pass ends with a validation of one batch, for both. Nothing of the watch is left out: its
statistics, the writing of files, the end of the pass. The pass is among those whose inside is
listened to, functions included, in training and in validation; it is not the first, which is made
before, shorter, and not measured. Said is the median of the pairs with its 95 % interval, which
supposes nothing of how they are distributed (Conover 1999, "Practical Nonparametric Statistics",
3.2). With --control nobody is watched: the interval must hold 1. Aim: at most 1.03.
"""

from __future__ import annotations

import argparse
import copy
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import geometric_mean, median

import torch
from scipy.stats import quantile_test
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torchvision.models import resnet18

import phoropter
from phoropter.watching.recording import Recording

FIRST_STEPS = 4  # of the pass that is not measured

Batch = tuple[Tensor, Tensor]


class Side:
    """A network in training, watched or not, and the seconds that it took.

    Args:
        network: Is trained by momentum.
    """

    def __init__(self, network: nn.Module) -> None:
        self.network = network
        self.optimizer = torch.optim.SGD(network.parameters(), lr=1e-3, momentum=0.9)
        self.watch: Recording | None = None
        self.seconds = 0.0

    def step(self, batch: Batch) -> None:
        """One step of the optimiser."""
        begun = time.perf_counter()
        self.optimizer.zero_grad()
        loss = cross_entropy(self.network(batch[0]), batch[1])
        loss.backward()
        self.optimizer.step()
        if self.watch is not None:
            self.watch.step(loss)
        self.seconds += time.perf_counter() - begun

    def validate(self, batch: Batch) -> None:
        """The end of a pass."""
        begun = time.perf_counter()
        self.network.eval()
        with torch.no_grad():
            outputs = self.network(batch[0])
            loss = cross_entropy(outputs, batch[1])
        if self.watch is not None:
            self.watch.epoch(val_loss=loss, predictions=outputs, targets=batch[1])
        self.network.train()
        self.seconds += time.perf_counter() - begun


def one_pass(sides: Sequence[Side], batches: Sequence[Batch]) -> tuple[float, float]:
    """Seconds of a pass over the batches, of either side."""
    for side in sides:
        side.seconds = 0.0
    acts: list[Callable[[Side], None]] = [
        lambda side, batch=batch: side.step(batch) for batch in batches
    ]
    acts.append(lambda side: side.validate(batches[0]))
    for number, act in enumerate(acts):
        for side in sides if number % 2 else reversed(sides):
            act(side)
    return sides[0].seconds, sides[1].seconds


def ratio_of_pair(
    sides: Sequence[Side], batches: Sequence[Batch], folder: Path, *, control: bool
) -> float:
    """Seconds of watched passes over those of others; each side is watched once."""
    ratios = []
    for plain, other in (sides, sides[::-1]):
        if not control:
            other.watch = phoropter.watch(other.network, other.optimizer, folder=folder, classes=10)
        one_pass((plain, other), batches[:FIRST_STEPS])
        alone, watched = one_pass((plain, other), batches)
        if other.watch is not None:
            other.watch.close()
            other.watch = None
        ratios.append(watched / alone)
    print(f"{alone:.2f} s a pass, ratios {ratios[0]:.4f} and {ratios[1]:.4f}", flush=True)
    return geometric_mean(ratios)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=12)
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
        ratios = [
            ratio_of_pair(sides, batches, Path(place), control=chosen.control)
            for _ in range(chosen.pairs)
        ]
    low, high = quantile_test(ratios, p=0.5).confidence_interval(0.95)
    print(f"ratio {median(ratios):.4f} (95 % interval of the median {low:.4f} to {high:.4f})")


if __name__ == "__main__":
    main()
