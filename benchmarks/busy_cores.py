"""What a busy neighbour costs a training step, with threads that spin while they wait and without.

Run: python benchmarks/busy_cores.py [--rounds N]

A small convolutional network is trained in fresh processes on all cores, alone, beside one process
that never rests, and beside one for every core. OMP_WAIT_POLICY is left unset (threads that wait
for each other spin) and set to PASSIVE (they sleep), as the command `phoropter` does; all cases
alternate.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from statistics import median

STEPS = 30
TRAINING = f"""
import time
import torch
from torch import nn
layers = [nn.Conv2d(3, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
layers += [nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
network = nn.Sequential(*layers, nn.Flatten(), nn.Linear(64 * 8 * 8, 10))
optimizer = torch.optim.SGD(network.parameters(), lr=0.01)
inputs, targets = torch.zeros(64, 3, 32, 32), torch.zeros(64, dtype=torch.int64)
for step in range({STEPS} + 5):
    if step == 5:
        started = time.perf_counter()
    optimizer.zero_grad()
    nn.functional.cross_entropy(network(inputs), targets).backward()
    optimizer.step()
print((time.perf_counter() - started) / {STEPS} * 1e3)
"""


def step_ms(*, policy: str | None, neighbours: int) -> float:
    """Milliseconds a step, in a process of its own."""
    environment = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    if policy is not None:
        environment["OMP_WAIT_POLICY"] = policy
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(neighbours)]
    try:
        done = subprocess.run(
            [sys.executable, "-c", TRAINING],
            env=environment,
            check=True,
            capture_output=True,
            text=True,
        )
    finally:
        for process in busy:
            process.kill()
            process.wait()
    return float(done.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    cores = os.cpu_count() or 1
    cases = [(policy, count) for count in (0, 1, cores) for policy in (None, "PASSIVE")]
    times: dict[tuple[str | None, int], list[float]] = {case: [] for case in cases}
    for _ in range(rounds):
        for policy, count in cases:
            times[policy, count].append(step_ms(policy=policy, neighbours=count))
    for (policy, count), values in times.items():
        print(
            f"{count} busy neighbours, {'spinning' if policy is None else 'sleeping'}: "
            f"{median(values):6.1f} ms a step ({min(values):.1f} to {max(values):.1f})"
        )


if __name__ == "__main__":
    main()
