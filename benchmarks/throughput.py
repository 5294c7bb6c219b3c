"""Training throughput against fastai, timm's train.py and Lightning, each a fresh process.

Run: python benchmarks/throughput.py --data FOLDER --peer-python PATH [--network NAME] [--size PX]
[--batch N] [--images N] [--epochs N] [--rounds N] [--peers fastai fastai:0 timm lightning]

FOLDER holds class folders under train, and under val, valid, validation or test. PATH is a Python
with benchmarks/peers/fastai.txt, timm.txt and lightning.txt installed. All train the same network
on the same images in batches of the same size for the same number of passes, each with its own
default number format and input pipeline; they alternate. `fastai:0` is fastai with no worker
process, which on two cores may be faster than its default. What is printed of each:

- images/s: of the second and later passes, with the validation after each and all else between
  two passes. Ours measures as many training images again as it validates, at least 500;
- training: the same without the validation; ours is over all passes;
- process: from start to exit, with interpreter, imports, decoding and the first pass;
- others: cores that all else on this machine kept busy meanwhile. Above 0.1, measure again.

EfficientNet-Lite0 starts from the weights of `phoropter[weights]` in all, other networks from
random ones. Before the clock starts every library has been imported once, so that the disk's cache
is warm for all. Aims: 1.5 times fastai's images/s on ResNet-18, and no peer faster on Lite0.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from itertools import product
from operator import attrgetter
from pathlib import Path
from statistics import median

import psutil
import torch
from time_to_accuracy import COMMAND, VALIDATION, environment

from phoropter.models.offline_weights import lite0_state

PEERS = Path(__file__).parent / "peers"
HELD_OUT = 0.25  # of the training images, as many are validated
TIMM_NAMES = {"efficientnet_lite0": "tf_efficientnet_lite0"}


@dataclass(frozen=True, slots=True)
class Timed:
    """One process.

    Args:
        images_s: Training images a second of the second and later passes, everything included.
        training_s: The same without the validation.
        process: As a whole.
        accuracy: On the validation part, after the last pass.
        how: Threads, workers and number format.
    """

    images_s: float
    training_s: float
    process: Process
    accuracy: float
    how: str


def subset(data: Path, to: Path, images: int) -> None:
    """Copies as many images of each class: train, val, and a test part that nobody reads."""
    held_out = next(n for n in (*VALIDATION, "test") if (data / n).is_dir())
    count = round(images * HELD_OUT)
    for part, source, wanted in (("train", "train", images), ("val", held_out, count)):
        copied(data / source, to / part, wanted)
    copied(to / "val", to / "test", 0)


def copied(source: Path, target: Path, wanted: int) -> None:
    classes = sorted(folder for folder in source.iterdir() if folder.is_dir())
    queues = [sorted(folder.iterdir()) for folder in classes]
    order = [
        file for rank in range(max(map(len, queues))) for q in queues for file in q[rank : rank + 1]
    ]
    for file in order[: max(wanted, len(classes))]:
        place = target / file.parent.name / f"{target.name}_{file.name}"
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, place)


@dataclass(frozen=True, slots=True)
class Process:
    """A process that has ended: its seconds, cores that others used meanwhile, what it printed."""

    seconds: float
    others: float
    printed: str


def busy_s() -> tuple[float, float]:
    """Seconds that all cores have worked, and those of them for the processes started here."""
    ran, own = psutil.cpu_times(), os.times()
    return sum(ran) - ran.idle - ran.iowait, own.children_user + own.children_system


def timed(words: list[object]) -> Process:
    before, started = busy_s(), time.perf_counter()
    done = subprocess.run(
        list(map(str, words)), env=environment(), capture_output=True, text=True, check=False
    )
    seconds = time.perf_counter() - started
    if done.returncode:
        sys.exit(f"{words[:2]} failed:\n{done.stderr}\n{done.stdout}")
    everyone, own = (after - then for after, then in zip(busy_s(), before, strict=True))
    return Process(seconds, max(0.0, everyone - own) / seconds, done.stdout)


def peer(name: str, data: Path, weights: Path, chosen: argparse.Namespace, seed: int) -> Timed:
    library, _, workers = name.partition(":")
    words = [chosen.peer_python, PEERS / f"{library}_train.py", data, "--seed", seed]
    words += ["--network", TIMM_NAMES.get(chosen.network, chosen.network)]
    words += ["--size", chosen.size, "--batch", chosen.batch, "--epochs", chosen.epochs]
    if workers:
        words += ["--workers", workers]
    if weights.exists():
        words += ["--weights", weights]
    process = timed(words)
    facts = json.loads(process.printed.splitlines()[-1])
    images = facts["images"] * (chosen.epochs - 1)
    steady = facts["ends"][-1] - facts["ends"][0]
    training = steady - sum(facts["validation_s"][1:])
    how = f"{facts['threads']} threads, {facts['workers']} workers, float32"
    return Timed(images / steady, images / training, process, facts["accuracy"], how)


def ours(data: Path, chosen: argparse.Namespace, seed: int) -> Timed:
    settings = {
        "model.name": chosen.network,
        "model.pretrained": str(chosen.network in TIMM_NAMES).lower(),
        "model.transfer": "finetune",
        "data.size": chosen.size,
        "train.batch_size": chosen.batch,
        "train.epochs": chosen.epochs,
        "train.patience": 0,
        **dict(word.split("=", 1) for word in chosen.set),
    }
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder) / "fresh.phoropter"
        words = [COMMAND, "train", data, "--project", project, "--seed", seed, "--json"]
        words += [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]
        process = timed(words)
        said = json.loads(process.printed)
        run = project / "runs" / said["run"]
        rows = [json.loads(line) for line in (run / "timing.jsonl").read_text().splitlines()]
        numerics = json.loads((run / "numerics.json").read_text())
    first, last = rows[1], rows[-1]
    images = chosen.images * (chosen.epochs - 1)
    found = {metric["name"]: metric["value"] for metric in said["metrics"]}
    number = "bfloat16" if numerics["autocast"] else "float32"
    layout = ", channels last" if numerics["channels_last"] else ""
    how = f"{numerics['threads']} threads, {number}{layout}"
    steady = last["seconds"] - first["seconds"]
    return Timed(images / steady, said["samples_per_second"], process, found["accuracy"], how)


def show(results: dict[str, list[Timed]]) -> None:
    def middle(name: str, field: str) -> float:
        return median(attrgetter(field)(run) for run in results[name])

    names = ("images/s", "training", "process", "accuracy", "others")
    print(" " * 10, *(f"{name:>9}" for name in names), "  ours / it")
    for name, runs in results.items():
        own, its = middle("phoropter", "images_s"), middle(name, "images_s")
        ratio = f"{own / its:5.2f}" if name != "phoropter" else ""
        numbers = [its, middle(name, "training_s"), middle(name, "process.seconds")]
        shares = [middle(name, "accuracy"), middle(name, "process.others")]
        shown = [f"{number:9.1f}" for number in numbers] + [f"{share:9.3f}" for share in shares]
        print(f"{name:10}", *shown, f"  {ratio:9}  {runs[-1].how}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--peer-python", type=Path)
    parser.add_argument("--peers", nargs="*", default=["fastai", "fastai:0", "timm", "lightning"])
    parser.add_argument("--network", default="resnet18")
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--images", type=int, default=2048)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--set", action="append", default=[], help="More of our recipe, key=value.")
    chosen = parser.parse_args()
    if chosen.data is None:
        print("throughput: not measured, it needs --data FOLDER and --peer-python PATH")
        return
    with tempfile.TemporaryDirectory() as folder:
        data, weights = Path(folder) / "images", Path(folder) / "weights.pt"
        subset(chosen.data, data, chosen.images)
        if chosen.network in TIMM_NAMES:
            torch.save(lite0_state(), weights)
        for library in dict.fromkeys(name.partition(":")[0] for name in chosen.peers):
            imports = [chosen.peer_python, PEERS / f"{library}_train.py", "--help"]
            subprocess.run(imports, env=environment(), check=True, stdout=subprocess.DEVNULL)
        results: dict[str, list[Timed]] = {name: [] for name in ("phoropter", *chosen.peers)}
        for seed, name in product(range(chosen.rounds), results):
            run = (
                ours(data, chosen, seed)
                if name == "phoropter"
                else peer(name, data, weights, chosen, seed)
            )
            results[name].append(run)
            print(f"{name}: {run.images_s:.1f} images/s, {run.how}", file=sys.stderr)
    print(f"{chosen.network}, {chosen.size} px, batches of {chosen.batch}, {chosen.images} images")
    show(results)


if __name__ == "__main__":
    main()
