"""What large, kept pages save of a training step on a CPU; each way in its own process, in turn.

Run: python benchmarks/large_pages.py [--rounds N] [--steps N]

The peer is the same step with `THP_MEM_ALLOC_ENABLE=0`, which is torch's default, and the C
library's own limits to what is kept.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from statistics import median

import torch
from torch import nn
from torch.nn import functional

from phoropter.core.recipe import ModelRecipe
from phoropter.models.efficientnet_lite import EfficientNetLite0
from phoropter.models.small import cnn
from phoropter.training.memory import keep_memory

SWITCH = "THP_MEM_ALLOC_ENABLE"
SIZES = {"EfficientNet-Lite0, 288 px": 288, "EfficientNet-Lite0, 128 px": 128, "cnn, 64 px": 64}
BATCH = 16
WARM_UP = 3


def network(name: str) -> nn.Module:
    if name.startswith("cnn"):
        trunk, features = cnn(ModelRecipe(name="cnn", width=16), channels=3, size=SIZES[name])
    else:
        trunk, features = EfficientNetLite0(), 1280
    return nn.Sequential(trunk, nn.Linear(features, 2))


def timed(name: str, steps: int) -> dict[str, float]:
    """Median seconds and page faults of a step, and the peak of the memory in MiB."""
    if os.environ.get(SWITCH) != "0":
        keep_memory()
    size = SIZES[name]
    learner = network(name).train()
    images = torch.randn(BATCH, 3, size, size)
    labels = torch.arange(BATCH) % 2
    optimizer = torch.optim.AdamW(learner.parameters())
    seconds, faults = [], []
    for _ in range(WARM_UP + steps):
        before, begun = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
        optimizer.zero_grad()
        functional.cross_entropy(learner(images), labels).backward()
        optimizer.step()
        seconds.append(time.perf_counter() - begun)
        faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before.ru_minflt)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {
        "seconds": median(seconds[WARM_UP:]),
        "faults": median(faults[WARM_UP:]),
        "peak": peak,
    }


def child(name: str, steps: int, *, large: bool) -> dict[str, float]:
    """The same in a new process, with or without large pages."""
    command = [sys.executable, __file__, "--only", name, "--steps", str(steps)]
    env = {**os.environ, SWITCH: str(int(large))}
    said = subprocess.run(command, env=env, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(said.stdout)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--only", choices=SIZES, help="measure here, as the environment says")
    chosen = parser.parse_args()
    if chosen.only:
        print(json.dumps(timed(chosen.only, chosen.steps)))
        return
    print("| step of 16 | torch's default | large, kept pages | ratio | faults | peak, MiB |")
    print("|---|---|---|---|---|---|")
    for name in SIZES:
        pairs = [
            [child(name, chosen.steps, large=large) for large in (False, True)]
            for _ in range(chosen.rounds)
        ]
        ratios = [large["seconds"] / small["seconds"] for small, large in pairs]
        small, large = (
            {key: median(pair[side][key] for pair in pairs) for key in pairs[0][side]}
            for side in (0, 1)
        )
        print(
            f"| {name} | {1e3 * small['seconds']:.0f} ms | {1e3 * large['seconds']:.0f} ms | "
            f"{median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f}) | "
            f"{small['faults']:,.0f}, {large['faults']:,.0f} | "
            f"{small['peak']:,.0f}, {large['peak']:,.0f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
