"""How often 95 % intervals hold the known truth: of metrics, and of differences of two models.

Run: python benchmarks/coverage.py [--counts 200 1000] [--trials 1000] [--only NAME ...]

The classes are unequal, the models a little too sure. The errors of numbers are normal or have
heavy tails (t with five degrees of freedom); those of two models are alike, as on the same samples.
The truth is the value on a million samples. Aim: 93 to 97 %; with a thousand trials, a share of
95 % is found as 93.6 to 96.4 %.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from phoropter.comparison.paired import difference_ends
from phoropter.core.predictions import ClassPredictions, Predictions, ValuePredictions
from phoropter.metrics import named
from phoropter.metrics.evaluate import evaluate

Floats = NDArray[np.float64]
Pair = tuple[Predictions, Predictions]

KNOWN = 1_000_000
PRIOR = (0.5, 0.3, 0.2)
SKILL, SURENESS = 1.6, 2.2
OF_CLASSES = (
    *("accuracy", "balanced_accuracy", "macro_f1", "matthews", "roc_auc", "average_precision"),
    *("log_loss", "brier", "ece"),
)
OF_VALUES = ("mae", "mse", "rmse", "mape", "r2")
CLASS_DIFFERENCES = ("accuracy", "macro_f1", "roc_auc", "log_loss")
VALUE_DIFFERENCES = ("mae", "rmse", "r2")


def classifiers(count: int, seed: int) -> Pair:
    """Two that share most of what they see; the second sees a little more."""
    draw = np.random.default_rng(seed)
    truth = draw.choice(3, count, p=PRIOR)
    shared = draw.normal(size=(count, 3))
    shared[np.arange(count), truth] += SKILL
    tables = []
    for edge in (0.0, 0.15):
        scores = shared + 0.5 * draw.normal(size=(count, 3))
        scores[np.arange(count), truth] += edge
        odds = np.exp(SURENESS * scores)
        ids = np.arange(count).astype(np.str_)
        shares = odds / odds.sum(axis=1, keepdims=True)
        tables.append(ClassPredictions(ids, truth, shares, ("x", "y", "z")))
    return tables[0], tables[1]


def regressors(errors: Callable[..., Floats]) -> Callable[[int, int], Pair]:
    """Two whose errors are correlated; the second's are smaller, and partly its own."""

    def make(count: int, seed: int) -> Pair:
        draw = np.random.default_rng(seed)
        truth = draw.normal(20.0, 4.0, size=(count, 1))
        shared, own = errors(draw, count), errors(draw, count)
        ids = np.arange(count).astype(np.str_)
        first = ValuePredictions(ids, truth, truth + shared, ("v",))
        return first, replace(first, values=truth + 0.8 * shared + 0.4 * own)

    return make


def normal(draw: np.random.Generator, count: int) -> Floats:
    return draw.normal(size=(count, 1))


def heavy(draw: np.random.Generator, count: int) -> Floats:
    return draw.standard_t(5, size=(count, 1))


KINDS: dict[str, tuple[Callable[[int, int], Pair], Sequence[str], Sequence[str]]] = {
    "classes": (classifiers, OF_CLASSES, CLASS_DIFFERENCES),
    "normal errors": (regressors(normal), OF_VALUES, VALUE_DIFFERENCES),
    "heavy tails": (regressors(heavy), OF_VALUES, VALUE_DIFFERENCES),
}


def held(kind: str, count: int, trials: int, only: Sequence[str]) -> dict[str, float]:
    """The share of trials in which the interval holds the truth, by what it is of."""
    make, names, differences = KINDS[kind]
    names, differences = ([n for n in some if n in only] for some in (names, differences))
    large = make(KNOWN, 1)
    true = {name: named(name)(large[0]) for name in names}
    apart = {name: named(name)(large[1]) - named(name)(large[0]) for name in differences}
    hits = dict.fromkeys((*names, *(f"{name}, difference" for name in differences)), 0)
    for trial in range(trials):
        a, b = make(count, 2 + trial)
        for found in evaluate(a, names=names, seed=trial):
            hits[found.name] += found.low <= true[found.name] <= found.high
        for name in differences:
            low, high = difference_ends(a, b, named(name), seed=trial)
            hits[f"{name}, difference"] += low <= apart[name] <= high
    return {name: share / trials for name, share in hits.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--counts", type=int, nargs="+", default=[200, 1000])
    parser.add_argument("--trials", type=int, default=1000)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--only", nargs="+", default=[*OF_CLASSES, *OF_VALUES])
    chosen = parser.parse_args()
    for kind in chosen.kinds:
        begun = time.perf_counter()
        print(f"{kind:28}" + "".join(f"{count:>8}" for count in chosen.counts))
        columns = [held(kind, count, chosen.trials, chosen.only) for count in chosen.counts]
        for name in columns[0]:
            print(f"  {name:26}" + "".join(f"{column[name]:8.3f}" for column in columns))
        print(f"  {time.perf_counter() - begun:.0f} s", flush=True)


if __name__ == "__main__":
    main()
