"""How long `phoropter train` takes to the accuracy of fastai's `fine_tune(1)`; same weights.

Run: python benchmarks/time_to_accuracy.py --data FOLDER --peer-python PATH [--rounds N]

FOLDER holds class folders under train, validation (or val, valid) and test. PATH is a Python with
benchmarks/peers/fastai.txt installed. Both are fresh processes, timed from start to exit:
interpreter, imports, decoding and training included; the two alternate. Ours starts in an empty
project each time, so nothing is taken from an earlier run. Both start from EfficientNet-Lite0 of
`phoropter[weights]`; the file the peer loads is converted before the clock starts. One run of each
comes first, unmeasured, so that bytecode and the disk's cache are equally warm.
Aim: the peer's accuracy in at most a fifth of its time.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import torch

from phoropter.models.offline_weights import lite0_state

PEER = Path(__file__).parent / "peers" / "fastai_fine_tune.py"
COMMAND = Path(sys.executable).with_name("phoropter")
VALIDATION = ("validation", "valid", "val")
STAGES = ("indexing", "decoding", "features", "training")


@dataclass(frozen=True, slots=True)
class Timed:
    seconds: float
    accuracy: float
    phases: dict[str, float] = field(default_factory=dict)


def environment() -> dict[str, str]:
    """As ours, but bytecode is kept: an installed package has it."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def peer(python: Path, data: Path, weights: Path, seed: int) -> Timed:
    valid = next(name for name in VALIDATION if (data / name).is_dir())
    words = [python, PEER, data, "--weights", weights, "--valid", valid, "--seed", seed]
    started = time.perf_counter()
    done = subprocess.run(
        list(map(str, words)), env=environment(), capture_output=True, text=True, check=False
    )
    seconds = time.perf_counter() - started
    if done.returncode:
        sys.exit(f"The peer failed:\n{done.stderr}")
    return Timed(seconds, json.loads(done.stdout.splitlines()[-1])["accuracy"])


def ours(data: Path, seed: int) -> Timed:
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder) / "fresh.phoropter"
        words = [COMMAND, "train", data, "--project", project, "--seed", seed, "--json"]
        started = time.perf_counter()
        with subprocess.Popen(
            list(map(str, words)),
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            ends = stage_ends(process, started)
            said = process.stdout.read()
        seconds = time.perf_counter() - started
    if process.returncode:
        sys.exit(f"phoropter failed with code {process.returncode}:\n{said}")
    found = {metric["name"]: metric["value"] for metric in json.loads(said)["metrics"]}
    return Timed(seconds, found["accuracy"], phases(ends, seconds))


def stage_ends(process: subprocess.Popen[str], started: float) -> dict[str, float]:
    """When each stage was last heard of on stderr, seconds since the start."""
    ends: dict[str, float] = {}
    for line in process.stderr:
        ends.setdefault("start-up and listing", time.perf_counter() - started)
        stage = line.split(" ", 1)[0]
        if stage in STAGES:
            ends[stage] = time.perf_counter() - started
    return ends


def phases(ends: dict[str, float], seconds: float) -> dict[str, float]:
    """Seconds from the end of one stage to the end of the next, what is between them included."""
    spans, before = {}, 0.0
    for stage, end in {**ends, "metrics and exit": seconds}.items():
        spans[stage], before = end - before, end
    return spans


def show(theirs: list[Timed], own: list[Timed]) -> None:
    for one, other in zip(theirs, own, strict=True):
        print(
            f"fastai fine_tune(1) {one.seconds:6.1f} s, accuracy {one.accuracy:.3f}   "
            f"phoropter train {other.seconds:6.1f} s, accuracy {other.accuracy:.3f}   "
            f"ratio {one.seconds / other.seconds:.2f}   "
            f"{'reached' if other.accuracy >= one.accuracy else 'NOT reached'}"
        )
    slow, fast = (median(run.seconds for run in side) for side in (theirs, own))
    print(f"median: fastai {slow:.1f} s, phoropter {fast:.1f} s, ratio {slow / fast:.2f} (aim 5)")
    aim, reached = (median(run.accuracy for run in side) for side in (theirs, own))
    print(f"median accuracy: fastai {aim:.3f}, phoropter {reached:.3f}")
    for stage in own[0].phases:
        span = median(run.phases.get(stage, 0.0) for run in own)
        print(f"  {stage:22} {span:5.2f} s  {span / fast:4.0%}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--peer-python", type=Path, help="Left out: ours alone is measured.")
    parser.add_argument("--rounds", type=int, default=2)
    chosen = parser.parse_args()
    data = chosen.data.resolve()
    with tempfile.TemporaryDirectory() as folder:
        weights = Path(folder) / "lite0.pt"
        state = lite0_state()
        torch.save({k: v for k, v in state.items() if not k.startswith("classifier.")}, weights)
        theirs, own = [], []
        for number in range(chosen.rounds + 1):
            mine = ours(data, number)
            it = peer(chosen.peer_python, data, weights, number) if chosen.peer_python else mine
            if number:
                own.append(mine)
                theirs.append(it)
    show(theirs, own)


if __name__ == "__main__":
    main()
