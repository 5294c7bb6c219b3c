"""Loops that do not use phoropter's trainer, healthy and sick, watched and diagnosed.

Run: python benchmarks/foreign_loops.py [--only NAME ...] [--trainer-python PYTHON]

Each script of `benchmarks/foreign` names the finding that must come first (`EXPECTED`), or "none":
then no warning and no critical finding may be there. The Hugging Face Trainer needs an
environment of its own (benchmarks/peers/transformers.txt); without it its row says so.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

import phoropter

FOLDER = Path(__file__).parent / "foreign"
EXPECTED = re.compile(r'^EXPECTED = "([a-z-]+)"$', re.MULTILINE)
NEEDS_TRAINER = "trainer_"


def scripts() -> dict[str, str]:
    """The scripts by name, with what they expect."""
    found = {
        path.stem: EXPECTED.search(path.read_text("utf-8")) for path in sorted(FOLDER.glob("*.py"))
    }
    return {name: match[1] for name, match in found.items() if match is not None}


def first_finding(name: str, folder: Path, python: str) -> str:
    """Runs a script; the code of the first finding that is no "info", or "none"."""
    subprocess.run(
        [python, str(FOLDER / f"{name}.py"), str(folder)],
        check=True,
        capture_output=True,
        text=True,
    )
    found = [f for f in phoropter.diagnose(folder).findings if f.severity != "info"]
    return found[0].code if found else "none"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", default=None)
    parser.add_argument("--trainer-python", default=sys.executable)
    chosen = parser.parse_args()
    known = {k: v for k, v in scripts().items() if chosen.only is None or k in chosen.only}
    right = run = 0
    print(f"{'loop':26s} {'expected':18s} {'first finding':18s} right  seconds")
    for name, expected in known.items():
        python = chosen.trainer_python if name.startswith(NEEDS_TRAINER) else sys.executable
        alone = name.startswith(NEEDS_TRAINER) and python == sys.executable
        if alone and find_spec("transformers") is None:
            print(f"{name:26s} {expected:18s} not run: needs transformers (--trainer-python)")
            continue
        with tempfile.TemporaryDirectory() as place:
            begun = time.perf_counter()
            found = first_finding(name, Path(place) / "run", python)
            seconds = time.perf_counter() - begun
        run, right = run + 1, right + (found == expected)
        print(f"{name:26s} {expected:18s} {found:18s} {found == expected!s:6s} {seconds:7.1f}")
    print(f"{right} of {run} loops: the right finding first")


if __name__ == "__main__":
    main()
