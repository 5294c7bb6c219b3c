"""How long 95 % intervals take: ours against a plain bootstrap loop over scikit-learn.

Run: OMP_NUM_THREADS=1 python benchmarks/intervals.py [--rounds N]

Both draw 10,000 predictions of three classes again and again and compute accuracy, macro F1 and the
one-against-rest ROC area. The loop is given few draws and its time is scaled to ours; the two
alternate, and the median of the ratios counts. Aim: 2,000 resamples in under 2 s on one core.
"""

from __future__ import annotations

import argparse
import time
from statistics import median

import numpy as np
from sklearn import metrics as reference

from phoropter.core.predictions import ClassPredictions
from phoropter.metrics.evaluate import evaluate

SAMPLES = 10_000
RESAMPLES = 2_000
LOOP_RESAMPLES = 30
NAMES = ("accuracy", "macro_f1", "roc_auc")


def predictions(classes: int) -> ClassPredictions:
    draw = np.random.default_rng(0)
    truth = draw.integers(0, classes, SAMPLES)
    scores = draw.normal(size=(SAMPLES, classes))
    scores[np.arange(SAMPLES), truth] += 2.0
    odds = np.exp(scores)
    return ClassPredictions(
        ids=np.arange(SAMPLES).astype(np.str_),
        truth=truth,
        probabilities=odds / odds.sum(axis=1, keepdims=True),
        classes=tuple(f"c{index}" for index in range(classes)),
    )


def ours(table: ClassPredictions) -> float:
    """Seconds for all resamples, ends of the intervals included."""
    start = time.perf_counter()
    evaluate(table, names=NAMES, resamples=RESAMPLES)
    return time.perf_counter() - start


def loop(table: ClassPredictions, seed: int) -> float:
    """Seconds that a plain loop would take for as many."""
    draw = np.random.default_rng(seed)
    called = table.predicted
    start = time.perf_counter()
    for _ in range(LOOP_RESAMPLES):
        rows = draw.integers(0, SAMPLES, SAMPLES)
        truth = table.truth[rows]
        reference.accuracy_score(truth, called[rows])
        reference.f1_score(truth, called[rows], average="macro")
        reference.roc_auc_score(truth, table.probabilities[rows], multi_class="ovr")
    return (time.perf_counter() - start) * RESAMPLES / LOOP_RESAMPLES


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--classes", type=int, default=3)
    arguments = parser.parse_args()
    table = predictions(arguments.classes)
    pairs = [(ours(table), loop(table, seed)) for seed in range(arguments.rounds)]
    fast, slow = (median(column) for column in zip(*pairs, strict=True))
    ratio = median(there / here for here, there in pairs)
    print(f"{SAMPLES} predictions, {RESAMPLES} resamples, {', '.join(NAMES)}")
    print(f"ours {fast:.2f} s   scikit-learn loop {slow:.1f} s   ratio {ratio:.0f}")


if __name__ == "__main__":
    main()
