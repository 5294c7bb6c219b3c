"""How long `phoropter train` takes to the accuracy of fastai's `fine_tune(1)`; same weights.

Run: python benchmarks/time_to_accuracy.py --data FOLDER --peer-python PATH [--rounds N]

FOLDER holds class folders under train, validation (or val, valid) and test. PATH is a Python with
benchmarks/peers/fastai.txt installed. Both are fresh processes, timed from start to exit:
interpreter, imports, decoding and training included; the two alternate. Ours starts in an empty
project each time, so nothing is taken from an earlier run. Both start from the EfficientNet-Lite0
of `phoropter[weights]`; the file the peer loads is converted before the clock starts. Before that,
ours runs once and the peer imports its libraries, so that the disk's cache is warm for both.
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
    for name, runs in (("fastai fine_tune(1)", theirs), ("phoropter train", own)):
        for run in runs:
            print(f"{name:20} {run.seconds:6.1f} s, validation accuracy {run.accuracy:.3f}")
    whole = median(run.seconds for run in own)
    if theirs:
        aim = max(run.accuracy for run in theirs)
        reached = min(run.accuracy for run in own)
        verdict = "reached" if reached >= aim else "NOT reached"
        print(f"ratio of the medians {median(run.seconds for run in theirs) / whole:.1f} (aim 5)")
        print(f"our lowest {reached:.3f}, the peer's highest {aim:.3f}: {verdict}")
    print("where our time goes (median):")
    for stage in own[0].phases:
        span = median(run.phases.get(stage, 0.0) for run in own)
        print(f"  {stage:22} {span:5.2f} s  {span / whole:4.0%}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--peer-python", type=Path, help="Left out: ours alone is measured.")
    parser.add_argument("--rounds", type=int, default=2)
    chosen = parser.parse_args()
    if chosen.data is None:
        print("time_to_accuracy: not measured, it needs --data FOLDER (and --peer-python PATH)")
        return
    data = chosen.data.resolve()
    with tempfile.TemporaryDirectory() as folder:
        weights = Path(folder) / "lite0.pt"
        state = lite0_state()
        torch.save({k: v for k, v in state.items() if not k.startswith("classifier.")}, weights)
        theirs, own = [], []
        ours(data, 0)
        if chosen.peer_python:
            imports = [chosen.peer_python, "-c", "import fastai.vision.all, timm"]
            subprocess.run(imports, env=environment(), check=True)
        for seed in range(chosen.rounds):
            if chosen.peer_python:
                theirs.append(peer(chosen.peer_python, data, weights, seed))
            own.append(ours(data, seed))
    show(theirs, own)


if __name__ == "__main__":
    main()
