"""Indexing, integrity and hashes of every image in a folder, against cleanvision's default checks.

Run: python benchmarks/indexing.py --data FOLDER --peer-python PATH [--rounds N] [--limit N]

FOLDER holds class folders of images. PATH is a Python with benchmarks/peers/cleanvision.txt
installed. Both are fresh processes over the same files, timed from start to exit, and alternate.
Ours lists, decodes, measures and hashes every file, and writes its index; the peer runs
`Imagelab(...).find_issues()`: nine checks on every image, exact and near duplicates among them.
Ours finds near copies later, in `look`; with --copies that search is timed too.
Aim: at least three times as fast.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path
from statistics import median

OURS = """
import sys
from pathlib import Path
from phoropter.data.index import index, thumbnails
from phoropter.data.open import open_dataset
from phoropter.look.evidence import LookEvidence
cache = Path(sys.argv[2])
dataset = index(open_dataset(sys.argv[1]), cache=cache)
if sys.argv[3] == "copies":
    evidence = LookEvidence(dataset, None, None, thumbnails(dataset, cache))
    print(len(evidence.twins), len(evidence.copies.pairs))
print(len(dataset), len(dataset.rejected))
"""
PEER = """
import sys
from cleanvision import Imagelab
lab = Imagelab(data_path=sys.argv[1])
lab.find_issues(n_jobs=int(sys.argv[2]))
print(len(lab.issues))
"""


def seconds(words: list[str]) -> float:
    """Of one process, from start to exit."""
    started = time.perf_counter()
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{words[0]} failed:\n{done.stderr}")
    return time.perf_counter() - started


def ours(data: Path, stage: str) -> float:
    with tempfile.TemporaryDirectory() as folder:
        return seconds(
            [sys.executable, "-c", OURS, str(data), str(Path(folder) / "index.parquet"), stage]
        )


def some(data: Path, count: int, folder: Path) -> int:
    """Copies the first images of each class into `folder`; returns how many."""
    classes = sorted({path.parent for path in data.rglob("*.jp*g")})
    share = -(-count // len(classes))
    total = 0
    for place in classes:
        target = folder / place.relative_to(data)
        target.mkdir(parents=True)
        for path in islice(sorted(place.glob("*.jp*g")), min(share, count - total)):
            shutil.copy2(path, target)
            total += 1
    return total


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--peer-python", type=Path, help="Left out: ours alone is measured.")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--limit", type=int, default=10_000, help="Images taken.")
    parser.add_argument("--copies", action="store_true", help="Time the search for copies too.")
    chosen = parser.parse_args()
    stage = "copies" if chosen.copies else "index"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        count = some(chosen.data, chosen.limit, folder)
        mine, theirs = [], []
        for _ in range(chosen.rounds):
            mine.append(ours(folder, stage))
            if chosen.peer_python:
                words = [str(chosen.peer_python), "-c", PEER, str(folder), str(os.cpu_count())]
                theirs.append(seconds(words))
    print(f"{count:,} images, {stage}: ours {median(mine):.1f} s ({count / median(mine):,.0f} a s)")
    if theirs:
        print(f"peer {median(theirs):.1f} s, ratio {median(theirs) / median(mine):.2f} (aim 3)")


if __name__ == "__main__":
    main()
