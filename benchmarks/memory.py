"""How much memory `phoropter train` needs for few and for many images.

Run: python benchmarks/memory.py [--few N] [--many N] [--streamed N]

Trains a small convolutional network for one pass, as a whole process, on generated PNG files of
32 px. Three figures a run, in MiB:

- peak: the largest resident set, as the system counts it. It includes every page of the mapped
  store of decoded images that was touched; those pages are the disk's cache, counted to whoever
  maps them, and the system takes them back when anything else needs memory.
- own: the largest anonymous memory (Linux), which nothing takes back. Some of it grows until a
  batch is full; beyond that, only names, measurements, thumbnails of 1 KiB and the search for near
  copies grow with the number of images.
- store: the size of the store's file.

The last two runs set the store's limit to nothing, so that images are decoded whenever they are
needed.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

SIDE = 32
CLASSES = 4
MIB = 2**20
SETTINGS = (
    "model.name=cnn",
    "model.pretrained=false",
    "model.width=8",
    "model.transfer=finetune",
    f"data.size={SIDE}",
    "train.epochs=1",
)
UNSTORED = {"PHOROPTER_STORE_GIB": "0"}


@dataclass(frozen=True, slots=True)
class Used:
    images: int
    peak: float
    own: float
    store: float
    seconds: float


def generate(folder: Path, count: int) -> None:
    """Noise, brighter from class to class; every file differs."""
    draw = np.random.default_rng(0)
    for label in range(CLASSES):
        (folder / f"c{label}").mkdir(parents=True)
    for number in range(count):
        label = number % CLASSES
        pixels = draw.integers(40 * label, 40 * label + 120, (SIDE, SIDE, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"c{label}" / f"{number}.png", compress_level=1)


def train(data: Path, images: int, *, streamed: bool = False) -> Used:
    """One run in a fresh project."""
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder) / "fresh.phoropter"
        words = [sys.executable, "-m", "phoropter", "train", str(data), "--quiet"]
        words += ["--project", str(project)]
        for setting in SETTINGS:
            words += ["--set", setting]
        started = time.perf_counter()
        peak, own = watched(words, {**os.environ, **(UNSTORED if streamed else {})})
        seconds = time.perf_counter() - started
        stored = sum(file.stat().st_size for file in project.rglob("*.npy"))
    return Used(images, peak / MIB, own / MIB, stored / MIB, seconds)


def watched(words: list[str], environment: dict[str, str]) -> tuple[int, int]:
    """The largest resident set and the largest anonymous memory of a process, bytes."""
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, env=environment)
    own = 0
    while True:
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        if pid:
            break
        own = max(own, anonymous(process.pid))
        time.sleep(0.02)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"phoropter failed with code {process.returncode}")
    return usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024), own


def anonymous(pid: int) -> int:
    """Anonymous memory of a process now, bytes; 0 where the system does not tell."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon:"))


def row(name: str, used: Used) -> str:
    return (
        f"{name:10} {used.images:7,} images: peak {used.peak:7.0f} MiB, own {used.own:7.0f} MiB, "
        f"store {used.store:6.0f} MiB, {used.seconds:5.1f} s"
    )


def growth(few: Used, many: Used) -> str:
    more = (many.images - few.images) / 1024  # MiB over this is KiB an image
    peak, own, store = (
        (getattr(many, name) - getattr(few, name)) / more for name in ("peak", "own", "store")
    )
    return f"{'':10} an image more: peak {peak:.2f} KiB, own {own:.2f} KiB, store {store:.2f} KiB"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--few", type=int, default=1_000)
    parser.add_argument("--many", type=int, default=50_000)
    parser.add_argument("--streamed", type=int, default=5_000, help="Images without a store.")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        sizes = sorted({chosen.few, chosen.many, chosen.streamed})
        for size in sizes:
            generate(Path(folder) / str(size), size)
        few, many = (train(Path(folder) / str(n), n) for n in (chosen.few, chosen.many))
        print(row("stored", few), row("stored", many), growth(few, many), sep="\n")
        thin = train(Path(folder) / str(chosen.few), chosen.few, streamed=True)
        thick = train(Path(folder) / str(chosen.streamed), chosen.streamed, streamed=True)
        print(row("streamed", thin), row("streamed", thick), growth(thin, thick), sep="\n")


if __name__ == "__main__":
    main()
