"""Is a part in exchanged colours told from one that is as it should be, and from other pictures?

Run: python benchmarks/exchanged_parts.py --data FOLDER [FOLDER ...] [--rounds 10]

FOLDERs hold colour photographs. Of each, 60 pictures are held out by chance, as they are and with
red and blue exchanged: the check should be silent of the former and name the latter. Then the
pictures of each other folder are the held-out part: nothing is exchanged there, though much else is
different.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import polars as pl

from phoropter.core.records import Dataset
from phoropter.data.index import colour_thumbnails, index
from phoropter.data.open import open_dataset
from phoropter.look.checks import part_channel_order
from phoropter.look.evidence import LookEvidence

HELD_OUT = 60
MOST = 800


def pictures(folder: Path) -> np.ndarray:
    """Up to `MOST` pictures of a folder, drawn by chance, (n, 32, 32, 3)."""
    data = index(open_dataset(folder))
    rows = np.random.default_rng(0).permutation(len(data))[:MOST]
    return colour_thumbnails(data, rows)


def named(train: np.ndarray, part: np.ndarray) -> bool:
    """Whether the check says that the part is exchanged."""
    both = np.concatenate([train, part])
    count = len(both)
    names = ["train"] * len(train) + ["val"] * len(part)
    table = pl.DataFrame(
        {
            "id": [str(row) for row in range(count)],
            "part": names,
            "part_name": names,
            "group": pl.Series([None] * count, dtype=pl.String),
            "digest": [str(row) for row in range(count)],
        }
    )
    dataset = Dataset("", Path(), "", "", "unlabelled", (), table)
    flat = np.zeros((count, 32, 32), np.uint8)
    evidence = LookEvidence(dataset, None, None, flat, colours=lambda rows: both[rows])
    return any(part_channel_order.check(evidence))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", type=Path, nargs="+")
    parser.add_argument("--rounds", type=int, default=10)
    chosen = parser.parse_args()
    if chosen.data is None:
        print("exchanged_parts: not measured, it needs --data FOLDER ...")
        return
    sets = {folder.name: pictures(folder) for folder in chosen.data}
    print("| set | pictures | exchanged, named | as it is, named | other sets, named |")
    print("|---|---|---|---|---|")
    for name, seen in sets.items():
        found, wrong = 0, 0
        for seed in range(chosen.rounds):
            order = np.random.default_rng(seed).permutation(len(seen))
            part, train = seen[order[:HELD_OUT]], seen[order[HELD_OUT:]]
            found += named(train, part[..., ::-1])
            wrong += named(train, part)
        others = [other for other in sets if other != name and named(seen, sets[other])]
        print(
            f"| {name} | {len(seen)} | {found} of {chosen.rounds} | {wrong} of {chosen.rounds} | "
            f"{len(others)} of {len(sets) - 1}: {', '.join(others) or 'none'} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
