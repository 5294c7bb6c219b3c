"""How long a network takes, and how much memory, in a process of its own.

python -m phoropter.models.measuring '{"name": "resnet18", "size": 224}'

A process of its own, because the memory that a step needs shows in the peak of the whole process.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import torch
from torch.nn import functional

from phoropter.core.recipe import Recipe
from phoropter.core.records import Measurement, TargetSchema
from phoropter.models.build import build

OUTPUTS = 1000
BATCH = 8
_LEAST_S = 1.0


def measure(name: str, *, size: int) -> Measurement:
    """Seconds an image for answering and for learning, and the memory that learning takes.

    The fastest of a second's repetitions counts, in batches of 8, float32, with AdamW, of random
    weights and colour images. Other work on the machine slows it down; the processor's time, which
    is noted beside it, hardly changes then.

    Raises:
        PhoropterError: If the network cannot be built for this size.
    """
    found = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
    device = found or torch.device("cpu")
    _load_everything(device)
    _forget_peak()
    before = _peak_bytes()
    recipe = Recipe().changed(
        {"model.name": name, "model.pretrained": False, "data.size": size, "data.channels": 3}
    )
    names = tuple(map(str, range(OUTPUTS)))
    network = build(recipe, TargetSchema("classes", names)).to(device)
    images = torch.rand(BATCH, 3, size, size, device=device)
    targets = torch.zeros(BATCH, dtype=torch.int64, device=device)
    optimizer = torch.optim.AdamW(network.parameters())

    def answer() -> None:
        with torch.inference_mode():
            network(images).sum().item()

    def learn() -> None:
        optimizer.zero_grad()
        torch.autograd.backward(functional.cross_entropy(network(images), targets))
        optimizer.step()
        next(network.parameters()).sum().item()  # waits for the device

    network.eval()
    forward_s, forward_cpu_s = _fastest(answer)
    network.train()
    step_s, step_cpu_s = _fastest(learn)
    return Measurement(
        size=size,
        batch=BATCH,
        device=str(device),
        threads=torch.get_num_threads(),
        forward_s=forward_s / BATCH,
        step_s=step_s / BATCH,
        forward_cpu_s=forward_cpu_s / BATCH,
        step_cpu_s=step_cpu_s / BATCH,
        memory_bytes=_peak_bytes() - before,
        on=datetime.now(UTC).date().isoformat(),
    )


def _load_everything(device: torch.device) -> None:
    """A step of next to nothing: what torch loads for the first one is not the network's."""
    layer = torch.nn.Conv2d(3, 2, 3, device=device)
    optimizer = torch.optim.AdamW(layer.parameters())
    loss: torch.Tensor = layer(torch.rand(2, 3, 8, 8, device=device)).sum()
    torch.autograd.backward(loss)
    optimizer.step()


def _fastest(work: Callable[[], None]) -> tuple[float, float]:
    """Seconds by the clock and of the processor, the least of each over a second of repetitions."""
    work()  # the first call allocates and chooses algorithms
    begun = time.perf_counter()
    by_clock, of_cpu = float("inf"), float("inf")
    while by_clock == float("inf") or time.perf_counter() - begun < _LEAST_S:
        started, spent = time.perf_counter(), time.process_time()
        work()
        of_cpu = min(of_cpu, time.process_time() - spent)
        by_clock = min(by_clock, time.perf_counter() - started)
    return by_clock, of_cpu


def _forget_peak() -> None:
    """Lets the peak start anew where Linux offers it: what was loaded may have needed more."""
    with suppress(OSError):  # no such file elsewhere; some containers forbid it
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def _peak_bytes() -> int:
    """The most memory that was in use so far: of the accelerator if there is one, else resident."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated()
    status = Path("/proc/self/status")
    if status.exists():  # what getrusage says there may be the parent's
        lines = status.read_text(encoding="utf-8").splitlines()
        return 1024 * int(next(line for line in lines if line.startswith("VmHWM")).split()[1])
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


if __name__ == "__main__":
    from phoropter.core.errors import PhoropterError

    asked = json.loads(sys.argv[1])
    try:
        said: dict[str, object] = asdict(measure(asked["name"], size=asked["size"]))
    except PhoropterError as error:
        said = {"error": str(error)}
    sys.stdout.write(json.dumps(said) + "\n")
