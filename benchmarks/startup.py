"""How long `phoropter --help` and `import phoropter` take, whole processes.

Run: python benchmarks/startup.py [--rounds N]

The commands alternate with `python -c pass`, whose time is the floor that Python itself sets.
Aims: 0.25 s for the help and 0.15 s for the import; neither may load torch.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

PYTHON = sys.executable
COMMANDS = {
    "python -c pass": ([PYTHON, "-c", "pass"], None),
    "import phoropter": ([PYTHON, "-c", "import phoropter"], 0.15),
    "phoropter --help": ([str(Path(PYTHON).with_name("phoropter")), "--help"], 0.25),
}
LOADED = {
    "import phoropter": "import sys, phoropter; print('torch' in sys.modules)",
    "phoropter --help": (
        "import sys; from phoropter.cli.main import main; sys.stdout = sys.stderr; "
        "main(['--help']); print('torch' in sys.modules, file=sys.__stdout__)"
    ),
}


def environment() -> dict[str, str]:
    """As ours, but bytecode is kept: an installed package has it."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def said(words: list[str]) -> str:
    done = subprocess.run(words, env=environment(), check=True, capture_output=True, text=True)
    return done.stdout


def seconds(words: list[str]) -> float:
    started = time.perf_counter()
    said(words)
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    rounds = parser.parse_args().rounds
    for words, _ in COMMANDS.values():
        seconds(words)  # writes bytecode, fills the disk's cache
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(rounds):
        for name, (words, _) in COMMANDS.items():
            times[name].append(seconds(words))
    for name, (_, aim) in COMMANDS.items():
        values = sorted(times[name])
        text = f"{name:18} median {median(values):.3f} s, {values[0]:.3f} to {values[-1]:.3f}"
        print(text if aim is None else f"{text} (aim {aim} s)")
    for name, program in LOADED.items():
        print(f"{name:18} loads torch: {said([PYTHON, '-c', program]).strip()}")


if __name__ == "__main__":
    main()
