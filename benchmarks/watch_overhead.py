"""What watching costs: ResNet-18 at 64 px, trained with and without it in turn.

Run: python benchmarks/watch_overhead.py [--rounds N] [--steps N] [--batch N]

One process, one network and optimiser; passes with and without the watch alternate, and whichever
comes first changes from pair to pair. The ratio is the median over the pairs, with its quartiles.
A pass ends with a validation of one batch in both. The watched passes are among those whose inside
is listened to, functions included: two steps, and the batch of validation. Aim: at most 1.03.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from statistics import median, quantiles

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torchvision.models import resnet18

import phoropter
from phoropter.watching.recording import Recording


def one_pass(
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    batches: list[tuple[Tensor, Tensor]],
    watch: Recording | None,
) -> float:
    """Seconds of a pass over the batches."""
    begun = time.perf_counter()
    network.train()
    for x, y in batches:
        optimizer.zero_grad()
        loss = cross_entropy(network(x), y)
        loss.backward()
        optimizer.step()
        if watch is not None:
            watch.step(loss)
    network.eval()
    with torch.no_grad():
        outputs = network(batches[0][0])
    if watch is not None:
        watch.epoch(
            val_loss=cross_entropy(outputs, batches[0][1]),
            predictions=outputs,
            targets=batches[0][1],
        )
    return time.perf_counter() - begun


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--batch", type=int, default=32)
    chosen = parser.parse_args()
    torch.default_generator.manual_seed(0)
    network = resnet18(num_classes=10)
    optimizer = torch.optim.SGD(network.parameters(), lr=1e-3, momentum=0.9)
    batches = [
        (torch.randn(chosen.batch, 3, 64, 64), torch.randint(0, 10, (chosen.batch,)))
        for _ in range(chosen.steps)
    ]
    one_pass(network, optimizer, batches, None)  # warms up
    ratios = []
    with tempfile.TemporaryDirectory() as place:
        # Each recording is past its first pass; its hooks are away while the plain pass runs.
        for number in range(chosen.rounds):
            seconds = {}
            for watched in (False, True) if number % 2 else (True, False):
                watch = None
                if watched:
                    folder = Path(place) / str(number)
                    watch = phoropter.watch(network, optimizer, folder=folder, classes=10)
                    one_pass(network, optimizer, batches[:4], watch)  # a first, shorter pass
                begun = time.perf_counter()
                one_pass(network, optimizer, batches, watch)
                seconds[watched] = time.perf_counter() - begun
                if watch is not None:
                    watch.close()
            ratios.append(seconds[True] / seconds[False])
            print(f"round {number + 1}: {seconds[False]:.3f} s, watched {seconds[True]:.3f} s")
    low, _, high = quantiles(ratios, n=4)
    print(f"ratio {median(ratios):.4f} (quartiles {low:.4f} to {high:.4f})")


if __name__ == "__main__":
    main()
