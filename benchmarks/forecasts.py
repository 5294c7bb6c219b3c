"""Whether the gain from more data is forecast rightly: held-back sizes of real learning curves.

Run: python benchmarks/forecasts.py [--data DIR] [--cache DIR] [--rows N] [--choose]

Simple models on features of small data sets (built-in ones, and those found in DIR): each training
pool is cut to a quarter, the forecast sees what nested parts of that quarter reach, and what twice
and four times as much data reach is held back. The method was made with the curves of the sets
called "development"; the figures that count are those of the others. Aim: the 90 % interval holds
the truth in at least 80 %, the median absolute error is at most one point.

The truth itself is noisy: other training samples of the same number would have given another error.
"least" is the median absolute error of somebody who knows the expected error exactly, by how much
networks on the two halves of a pool differ. What the forecast sees has noise of the same kind.

What is believed of curves in advance (`Belief`) was chosen with these sets. So "left out" is what
counts: each set forecast with the belief that is best on all others (by the logarithmic score of a
normal law with the forecast's median and interval; Gneiting and Raftery, "Strictly proper scoring
rules, prediction, and estimation", JASA 102, 2007). It needs --choose, which takes minutes.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import norm
from threadpoolctl import threadpool_limits

from phoropter.comparison.forecast import Trained, forecast
from phoropter.comparison.learning_curve import USUAL, Belief
from phoropter.comparison.nested import Block, nested_blocks
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
HELD_BACK = 2  # further doublings
DRAWS = 4
ROWS = 2_000  # drawn of larger sets
TESTED = 0.3
BUILT_IN = ("digits", "breast_cancer")
BELIEFS = tuple(
    Belief(*values)
    for values in product(
        (0.2, 0.25, 0.3, 0.4), (0.3, 0.4, 0.6), (0.1, 0.3, 0.6), (0.05, 0.2), (0.0, 0.02, 0.04)
    )
)
"""That are compared."""
REPORTED = ("ants_bees", "xray3", "mnist_png", "ag_news", "breast_cancer", "chatbot_ko")
HEADS = {
    "digits pixels": ("logistic", "knn", "random_forest"),
    "breast_cancer columns": ("logistic", "random_forest"),
    "clothing10 lite0": ("logistic", "knn", "random_forest"),
    "ants_bees lite0": ("logistic", "knn"),
    "xray3 lite0": ("logistic", "knn"),
    "xray3 handcrafted": ("logistic", "random_forest"),
    "cifar10_small handcrafted": ("logistic", "knn", "random_forest"),
    "mnist_png handcrafted": ("logistic", "knn", "random_forest"),
    "sms_spam words": ("logistic",),
    "ag_news words": ("logistic",),
    "chatbot_ko words": ("logistic",),
}


@dataclass(frozen=True)
class Place:
    """Where sets are found and curves are kept, and how many samples are drawn of a set."""

    data: Path | None
    cache: Path
    rows: int


@dataclass(frozen=True, eq=False)
class Measured:
    """Which test samples models on nested parts of a pool got right.

    Args:
        levels: Halvings of the whole pool that each model's part is, shape (r,).
        sizes: Samples in it, shape (r,).
        right: Shape (r, test samples).
        truth: Classes of the test samples.
    """

    levels: Labels
    sizes: Labels
    right: NDArray[np.bool_]
    truth: Labels


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


def _drawn(folder: str, place: Place) -> tuple[Dataset, Labels]:
    """Some samples of a set, and their classes."""
    found = Path(place.data or "") / folder
    dataset = open_dataset(str(found) if found.exists() else folder)
    rows = np.sort(generator(0, "forecasts").permutation(len(dataset))[: place.rows])
    dataset = replace(dataset, table=dataset.table[rows])
    classes = dataset.table[dataset.targets[0]].cast(str).to_numpy()
    return dataset, np.unique(classes, return_inverse=True)[1]


def _handcrafted(folder: str, place: Place) -> Described:
    dataset, labels = _drawn(folder, place)
    return HandcraftedFeatures()(dataset, np.arange(len(dataset))), labels


def _lite0(folder: str, place: Place) -> Described:
    dataset, labels = _drawn(folder, place)
    dataset = index(dataset)
    name = "efficientnet_lite0"
    how = preprocessing(Recipe().changed({"model.name": name, "data.size": card(name).input_px}))
    features = DeepFeatures(name, folder=place.cache / folder, preprocessing=how)
    return features(dataset, np.arange(len(dataset))), labels


def _columns(folder: str, place: Place) -> Described:
    dataset, labels = _drawn(folder, place)
    return TableFeatures()(dataset, np.arange(len(dataset))), labels


def _pixels(_folder: str, _place: Place) -> Described:
    from sklearn.datasets import load_digits

    digits = load_digits()
    return (digits.data / 16).astype(np.float32), digits.target.astype(np.int64)


def _words(folder: str, place: Place) -> Described:
    texts, classes = zip(*_rows(folder, place), strict=True)
    rows = np.sort(generator(0, "forecasts").permutation(len(texts))[: place.rows])
    labels = np.unique(np.array(classes), return_inverse=True)[1]
    return text_vectors([texts[row] for row in rows]), labels[rows]


def _rows(folder: str, place: Place) -> Iterator[tuple[str, str]]:
    name, mark, label = _TEXTS[folder]
    with (Path(place.data or "") / folder / name).open(encoding="utf-8") as file:
        quoting = csv.QUOTE_NONE if mark == "\t" else csv.QUOTE_MINIMAL
        for row in csv.reader(file, delimiter=mark, quoting=quoting):
            if row[label] != "label":  # a header
                yield " ".join(row[:label] + row[label + 1 :]), row[label]


_TEXTS = {
    "ag_news": ("test.csv", ",", 0),
    "chatbot_ko": ("ChatbotData.csv", ",", 2),
    "sms_spam": ("sms.tsv", "\t", 0),
}
"""File, separator and the column of the class."""

_DESCRIBE: dict[str, Callable[[str, Place], Described]] = {
    "handcrafted": _handcrafted,
    "lite0": _lite0,
    "columns": _columns,
    "pixels": _pixels,
    "words": _words,
}


def measured(name: str, head: str, seed: int, place: Place) -> Measured:
    """What a head reaches on nested parts of a set, computed once."""
    key = hashlib.blake2b(f"{name}/{head}/{seed}/1".encode(), digest_size=6).hexdigest()
    kept = place.cache / f"curve-{key}.npz"
    if not kept.exists():
        features, labels = described(name, place)
        found = _measure(features, labels, head, seed)
        np.savez(kept, **{key: getattr(found, key) for key in Measured.__annotations__})
    with np.load(kept) as arrays:
        return Measured(**{key: arrays[key] for key in Measured.__annotations__})


def _measure(features: Table, labels: Labels, head: str, seed: int) -> Measured:
    order = generator(seed, "forecasts", "test").permutation(len(labels))
    tested = order[: round(TESTED * len(labels))]
    pool = order[len(tested) :]
    halvings = HALVINGS + HELD_BACK
    blocks = nested_blocks(
        labels[pool], np.arange(len(pool)), halvings=halvings, draws=DRAWS, seed=seed
    )
    whole = Block(0, 0, np.arange(len(pool)))
    # Of the sizes that the forecast sees, only the parts of one quarter; of the larger ones all.
    seen = [
        block
        for block in blocks
        if block.level < HELD_BACK or block.draw < 2 ** (block.level - HELD_BACK)
    ]
    classes = int(labels.max()) + 1
    schema = TargetSchema("classes", tuple(map(str, range(classes))), counts=(1,) * classes)
    right = []
    for block in (*seen, whole):
        rows = pool[block.chosen]
        model = fit_classic(head, features[rows], labels[rows], schema=schema, seed=seed)
        with torch.no_grad():
            called = model(torch.from_numpy(features[tested])).argmax(1).numpy()
        right.append(called == labels[tested])
    return Measured(
        levels=np.array([block.level for block in (*seen, whole)]),
        sizes=np.array([len(block.chosen) for block in (*seen, whole)]),
        right=np.array(right),
        truth=labels[tested],
    )


@dataclass(frozen=True)
class Outcome:
    """A forecast beside what was held back: errors in per cent, NaN where none was made.

    `noise` is an estimate of the variance of the truth over training samples, in squared points.
    """

    times: int
    truth: float
    told: float
    low: float
    high: float
    line: float
    present: float
    noise: float = 0.0

    @property
    def held(self) -> bool:
        """Whether the interval holds the truth."""
        return self.low <= self.truth <= self.high


def judged(found: Measured, belief: Belief = USUAL) -> list[Outcome]:
    """The forecasts for twice and four times the data, from what the smallest quarter shows."""
    seen = found.levels >= HELD_BACK
    trained = Trained(
        found.sizes[seen],
        found.levels[seen] - HELD_BACK,
        (~found.right[seen]).astype(np.float64),
        np.ones(len(found.truth)),
    )
    told = forecast(trained, belief=belief)
    outcomes = []
    first, second = 100 * (~found.right[found.levels == 1]).mean(axis=1)
    for times, level, models in ((2, 1, 2), (4, 0, 1)):
        truth = 100 * float((~found.right[found.levels == level]).mean())
        gain = next((gain for gain in told.gains if gain.times == times), None)
        ends = (np.nan,) * 3 if gain is None else (gain.error, gain.error_low, gain.error_high)
        line = straight_line(trained, times)
        present = told.levels[-1].error
        noise = float((first - second) ** 2) / 2 / models
        outcomes.append(
            Outcome(times, truth, *(100 * end for end in ends), 100 * line, 100 * present, noise)
        )
    return outcomes


def least_error(outcomes: list[Outcome]) -> float:
    """Expected median absolute error of who knows the expected errors: normal noise, simulated.

    The seeds of a curve come one after the other, and share the mean of their noise.
    """
    noise = np.array([one.noise for one in outcomes]).reshape(-1, SEEDS).mean(axis=1)
    draws = generator(0, "forecasts", "least").standard_normal((2_000, len(outcomes)))
    return float(np.median(np.abs(draws) * np.sqrt(np.repeat(noise, SEEDS)), axis=1).mean())


def straight_line(trained: Trained, times: int) -> float:
    """The peer: a line through the logarithms of all sizes and errors, the plain power law."""
    errors = np.maximum(trained.wrong.mean(axis=1), 0.5 / trained.wrong.shape[1])
    slope, rest = np.polyfit(np.log(trained.sizes), np.log(errors), 1)
    return float(np.exp(rest + slope * np.log(times * trained.sizes.max())))


def summary(outcomes: list[Outcome]) -> str:
    """Coverage and median absolute errors, in points, of ours, the line and no change."""
    made = [one for one in outcomes if not np.isnan(one.told)]
    held = np.mean([one.held for one in made])
    ours, line, same = (
        np.median([abs(getattr(one, name) - one.truth) for one in made])
        for name in ("told", "line", "present")
    )
    width = np.median([one.high - one.low for one in made])
    return (
        f"{len(made):>3} of {len(outcomes)} forecast   in the 90 % interval {held:.2f} "
        f"(width {width:.1f})   median error {ours:.2f}   line {line:.2f}   no change {same:.2f}   "
        f"least {least_error(outcomes):.2f}"
    )


def log_score(outcomes: list[Outcome]) -> float:
    """Of normal laws with the forecasts' medians and intervals, summed; larger is better."""
    within = 2 * norm.isf(0.05)
    total = 0.0
    for one in outcomes:
        if not np.isnan(one.told):
            total += norm.logpdf(one.truth, one.told, (one.high - one.low) / within)
    return float(total)


def left_out(curves: dict[str, list[Measured]]) -> dict[str, list[Outcome]]:
    """The outcomes of each set under the belief that is best on all other sets."""
    told = {
        name: [[one for found in some for one in judged(found, belief)] for belief in BELIEFS]
        for name, some in curves.items()
    }
    scores = {name: np.array([log_score(one) for one in each]) for name, each in told.items()}
    best = int(np.sum(list(scores.values()), axis=0).argmax())
    print(f"best on all sets: {BELIEFS[best]}")
    chosen = {}
    for name, each in told.items():
        others = np.sum([scores[other] for other in scores if other != name], axis=0)
        print(f"  without {name:<16} {BELIEFS[int(others.argmax())]}")
        chosen[name] = each[int(others.argmax())]
    return chosen


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, help="a folder of the sets that are not built in")
    parser.add_argument(
        "--cache", type=Path, default=Path(tempfile.gettempdir()) / "phoropter-forecasts"
    )
    parser.add_argument("--rows", type=int, default=ROWS, help="samples drawn of larger sets")
    parser.add_argument("--choose", action="store_true", help="compare beliefs, set by set")
    arguments = parser.parse_args()
    place = Place(arguments.data, arguments.cache / str(arguments.rows), arguments.rows)
    names = [name for name in HEADS if name.split()[0] in BUILT_IN or arguments.data]
    groups: dict[str, list[Outcome]] = {"development": [], "reported": []}
    curves: dict[str, list[Measured]] = {}
    print(f"{'curve':<40} {'times':>5} {'truth':>6} {'told':>6} {'90 % interval':>15} {'held':>5}")
    for name in names:
        for head in HEADS[name]:
            with threadpool_limits(1):
                found = [measured(name, head, seed, place) for seed in range(SEEDS)]
            curves.setdefault(name.split()[0], []).extend(found)
            runs = [judged(one) for one in found]
            group = "reported" if name.split()[0] in REPORTED else "development"
            for outcomes in zip(*runs, strict=True):
                groups[group] += outcomes
                print(_line(f"{name} {head} ({group[0]})", outcomes))
    if arguments.choose:
        for name, outcomes in left_out(curves).items():
            group = "reported" if name in REPORTED else "development"
            groups.setdefault(f"{group}, left out", []).extend(outcomes)
    for group, outcomes in groups.items():
        for times in (2, 4):
            chosen = [one for one in outcomes if one.times == times]
            print(f"{group:<21} {times} times: {summary(chosen)}")
        print(f"{group:<21} both   : {summary(outcomes)}")


def _line(name: str, outcomes: tuple[Outcome, ...]) -> str:
    """The means over the seeds."""
    truth, told, low, high = (
        np.mean([getattr(one, field) for one in outcomes])
        for field in ("truth", "told", "low", "high")
    )
    held = sum(one.held for one in outcomes)
    interval = f"{low:.1f} to {high:.1f}"
    return (
        f"{name:<40} {outcomes[0].times:>5} {truth:>6.1f} {told:>6.1f} {interval:>15} "
        f"{held}/{len(outcomes)}"
    )


if __name__ == "__main__":
    main()
