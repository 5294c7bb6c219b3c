"""Whether groups that nobody declared are found, and none where there are none.

Run: python benchmarks/hidden_groups.py --data DIR [--sets NAME ...]

The built-in digits, whose files follow each other writer by writer, must be found to have groups;
under shuffled names they, and other sets with groups, must not. DIR holds sets of pictures that do
not belong together, which must be silent; what is found is said with its reason.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl

from phoropter.core.records import Dataset
from phoropter.data.index import index, thumbnails
from phoropter.data.open import open_dataset
from phoropter.look.evidence import LookEvidence
from phoropter.look.file_order import FEWEST, probe
from phoropter.look.groups import find_groups

UNGROUPED = (
    "ants_bees",
    "cifar10_small",
    "clothing10",
    "coco_mini",
    "dirty_cls_dev",
    "fruits_nuts_coco",
    "mnist_angle",
    "raccoon_voc",
    "shift_cls_dev",
    "summer2winter128",
)
GROUPED = ("camvid_small", "mnist_png", "steering", "xray3")
"""Films, writers (MNIST's test part in its own order, where runs of one hand can be seen), patients
in file names."""


def evidence(source: str | Path, *, shuffled: bool = False) -> LookEvidence:
    """A set as `look` sees it, without parts; or its files under each other's names."""
    dataset = index(open_dataset(source))
    with tempfile.TemporaryDirectory() as place:
        small = thumbnails(dataset, Path(place) / "index")
    if shuffled:
        dataset = with_shuffled_names(dataset)
    return LookEvidence(dataset, None, None, np.asarray(small))


def with_shuffled_names(dataset: Dataset) -> Dataset:
    order = np.random.default_rng(0).permutation(len(dataset))
    names = [f"{number:06d}.png" for number in order]
    return replace(dataset, table=dataset.table.with_columns(path=pl.Series(names)))


def line(name: str, expected: str, seen: LookEvidence) -> str:
    found = find_groups(seen)
    order = probe(seen, seen.families) if len(seen.dataset) >= FEWEST else None
    told = "too few files" if order is None else f"p = {order.p_value:.3f}"
    errors = "" if order is None else f"{order.mixed:.4f} | {order.blocks:.4f}"
    said = "; ".join(group.why for group in found) or "silent"
    return f"| {name} | {expected} | {told} | {errors or ' | '} | {said} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--sets", nargs="*", default=UNGROUPED)
    options = parser.parse_args()
    print("| set | expected | order probe | mixed folds | stretches | said |")
    print("|---|---|---|---|---|---|")
    print(line("digits", "groups", evidence("digits")), flush=True)
    print(line("digits, shuffled", "silent", evidence("digits", shuffled=True)), flush=True)
    for name in options.sets:
        print(line(name, "silent", evidence(options.data / name)), flush=True)
    for name in GROUPED:
        folder = options.data / name
        print(line(name, "groups", evidence(folder)), flush=True)
        print(line(f"{name}, shuffled", "silent", evidence(folder, shuffled=True)), flush=True)


if __name__ == "__main__":
    main()
