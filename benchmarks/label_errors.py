"""How many exchanged labels are found, and how many listed ones were exchanged, beside cleanlab.

Run: python benchmarks/label_errors.py [--seeds N]

Built-in digits, 1,797 pictures; 2, 5 and 10 % of the labels are exchanged for another class, drawn
anew for each seed. Ours: `label-errors` as `look` runs it where there are no photographs (224
handcrafted numbers). Peer: scikit-learn's logistic regression on pixels, five folds, and cleanlab's
default filter. A third line gives cleanlab our probabilities, so that features and method are told
apart. Without exchanged labels nothing must be listed.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from cleanlab.filter import find_label_issues
from numpy.typing import NDArray
from PIL import Image
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from threadpoolctl import threadpool_limits

from phoropter.core.records import Dataset
from phoropter.look.class_probabilities import by_logistic_regression, described_rows
from phoropter.look.evidence import LookEvidence
from phoropter.look.label_opinion import ALPHA, judge_labels
from phoropter.prediction.handcrafted import described

Rows = NDArray[np.int64]
Numbers = NDArray[np.float64]
Table = NDArray[np.float32]
Result = tuple[set[int], set[int], float]

SHARES = (0.0, 0.02, 0.05, 0.1)


class Given:
    """Features that were computed before."""

    name = "handcrafted"

    def __init__(self, table: Table) -> None:
        self.table = table

    def __call__(self, _dataset: Dataset, rows: NDArray[np.int64]) -> Table:
        return self.table[rows]


def features(images: Numbers) -> Table:
    pictures = (Image.fromarray((one * 255 / 16).round().astype(np.uint8)) for one in images)
    large = (np.asarray(one.resize((64, 64), Image.Resampling.BILINEAR)) for one in pictures)
    return np.stack([described(np.repeat(one[None], 3, axis=0)) for one in large])


def exchanged(labels: Rows, share: float, seed: int) -> tuple[Rows, set[int]]:
    rng = np.random.default_rng(seed)
    rows = rng.choice(len(labels), round(share * len(labels)), replace=False)
    given = labels.copy()
    given[rows] = (given[rows] + rng.integers(1, 10, len(rows))) % 10
    return given, set(rows.tolist())


def ours(columns: Table, given: Rows) -> tuple[set[int], Numbers]:
    models = by_logistic_regression(columns, given)
    opinion = judge_labels(models, given, np.arange(len(given)), seed=0)
    found = opinion.suspects.tolist() if opinion.floor.p_value <= ALPHA else []
    return set(found), opinion.probabilities


def peer(pixels: Numbers, given: Rows, seed: int) -> set[int]:
    model = LogisticRegression(max_iter=2000)
    folds = StratifiedKFold(5, shuffle=True, random_state=seed)
    chances = cross_val_predict(model, pixels, given, cv=folds, method="predict_proba")
    return set(np.flatnonzero(find_label_issues(given, chances, n_jobs=1)).tolist())


def described_digits(images: Numbers) -> Table:
    blank = np.zeros((len(images), 32, 32), dtype=np.uint8)
    table = pl.DataFrame({"id": [str(row) for row in range(len(blank))]})
    dataset = Dataset("digits", Path(), "builtin", "", "classification", (), table)
    evidence = LookEvidence(dataset, None, Given(features(images)), blank)
    return described_rows(evidence, np.arange(len(blank)))


def measured(columns: Table, digits: Any, share: float, seed: int) -> dict[str, Result]:
    given, planted = exchanged(digits.target, share, seed)
    begun = time.process_time()
    mine, chances = ours(columns, given)
    middle = time.process_time()
    theirs = peer(digits.data / 16, given, seed)
    end = time.process_time()
    both = set(np.flatnonzero(find_label_issues(given, chances, n_jobs=1)).tolist())
    return {
        "phoropter": (mine, planted, middle - begun),
        "logistic on pixels, cleanlab": (theirs, planted, end - middle),
        "our probabilities, cleanlab": (both, planted, float("nan")),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=3)
    seeds = parser.parse_args().seeds
    digits = load_digits()
    columns = described_digits(digits.images)
    print(f"{'exchanged':>9} {'method':<28} {'listed':>7} {'recall':>7} {'precision':>9} {'s':>6}")
    for share in SHARES:
        with threadpool_limits(1):  # small matrices: threads would only wait for each other
            runs = [measured(columns, digits, share, seed) for seed in range(seeds)]
        for name in runs[0]:
            results = [run[name] for run in runs]
            listed = np.mean([len(found) for found, _, _ in results])
            recall = np.mean([len(f & p) / max(len(p), 1) for f, p, _ in results])
            precision = np.mean([len(f & p) / max(len(f), 1) for f, p, _ in results])
            seconds = np.mean([spent for _, _, spent in results])
            print(
                f"{share:>9.0%} {name:<28} {listed:>7.1f} {recall:>7.3f} {precision:>9.3f} "
                f"{seconds:>6.2f}"
            )


if __name__ == "__main__":
    main()
