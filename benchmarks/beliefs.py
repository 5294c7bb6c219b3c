"""What to believe of learning curves in advance, by those of public tables.

Run: python benchmarks/beliefs.py [--lcdb FOLDER]

FOLDER is `lcdb` of the source distribution of the package lcdb 0.1.0 (MIT; Mohr, Viering, Loog and
van Rijn, "LCDB 1.0: an extensive learning curves database for classification tasks", ECML 2022):
errors of learners on tables at sizes 16, 32, 64, ..., for five test parts with five draws of the
training samples each. As the product has it, the forecast sees four draws of an eighth and of a
quarter, two of half and one of all samples of a size, on one test part; the truth at twice and four
times that size is the mean of five. How samples judged alike lower the noise is not known here, so
one network's variance is taken for half of the binomial one, and what the draws show on top.

Tables that are also among this project's own sets, or made of the same pictures, are left out.
Without a folder nothing is done. `usual` was chosen with these curves: its figures here flatter it.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from phoropter.comparison.curve_noise import Curve, curve_of
from phoropter.comparison.forecast import TIMES, continued
from phoropter.comparison.learning_curve import MANY_CLASSES, TWO_CLASSES, Belief

Floats = NDArray[np.float64]

LEARNERS = (
    "SVC_linear",
    "sklearn.ensemble.ExtraTreesClassifier",
    "sklearn.ensemble.GradientBoostingClassifier",
    "sklearn.ensemble.RandomForestClassifier",
    "sklearn.linear_model.LogisticRegression",
    "sklearn.neighbors.KNeighborsClassifier",
    "sklearn.neural_network.MLPClassifier",
)
OURS = (28, 554, 980, 40498, 40691, 40926, 40996, 41065)  # digits, wine, tiny photographs
PRESENT = (128, 256, 512, 1024, 2048)
DRAWS = (4, 4, 2, 1)  # at an eighth, a quarter, half and all
LEAST_TESTED = 150
BINOMIAL = 0.5


@dataclass(frozen=True, eq=False)
class Case:
    """A curve up to a size, and what lies beyond.

    Args:
        table: Its number.
        curve: What the forecast sees.
        truth: Errors at `TIMES` the samples.
    """

    table: int
    curve: Curve
    truth: Floats


def read(folder: Path) -> tuple[pl.DataFrame, dict[int, int]]:
    """Errors by table, learner, size and draw of one test part; and the classes of each table."""
    columns = ("openmlid", "learner", "size_train", "size_test", "inner_seed")
    scores = (
        pl.scan_csv(folder / "database-accuracy.csv")
        .filter(
            pl.col("learner").is_in(LEARNERS)
            & ~pl.col("openmlid").is_in(OURS)
            & (pl.col("outer_seed") == 0)
            & (pl.col("size_test") >= LEAST_TESTED)
        )
        .select(*columns, error=1 - pl.col("score_test"))
        .sort(columns)
        .collect()
    )
    tables = pl.read_csv(folder / "datasets.csv", infer_schema_length=None)
    return scores, dict(tables.select("openmlid", "NumberOfClasses").drop_nulls().iter_rows())


def cases(scores: pl.DataFrame) -> Iterator[Case]:
    """All that have every size."""
    for (table, _), some in scores.group_by("openmlid", "learner", maintain_order=True):
        errors = {size: part["error"].to_numpy() for (size,), part in some.group_by("size_train")}
        for present in PRESENT:
            sizes = present // np.array([8, 4, 2, 1])
            beyond = [errors.get(times * present, ()) for times in TIMES]
            seen = [errors.get(int(size), ()) for size in sizes]
            if all(len(each) >= 4 for each in (*seen, *beyond)):
                parts = [each[:draws] for each, draws in zip(seen, DRAWS, strict=True)]
                tested = int(some["size_test"].max())
                truth = np.array([each.mean() for each in beyond])
                curve = curve_of(
                    sizes.astype(float), parts, base=BINOMIAL / tested, floor=1 / tested
                )
                yield Case(int(table), curve, truth)


def summary(some: list[Case], belief: Belief) -> str:
    """Errors at `TIMES` the samples in points."""
    apart, held = [], []
    for case in some:
        gains, _ = continued(case.curve, belief)
        told = np.array([(gain.error, gain.error_low, gain.error_high) for gain in gains])
        apart.append(100 * (told[:, 0] - case.truth))
        held.append((told[:, 1] <= case.truth) & (case.truth <= told[:, 2]))
    found = np.array(apart)
    median, bias = np.median(np.abs(found), axis=0), np.median(found, axis=0)
    return (
        f"median error {median[0]:.2f} and {median[1]:.2f}   too high by {bias[0]:+.2f} and "
        f"{bias[1]:+.2f} in the median   in the interval {np.mean(held):.2f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--lcdb", type=Path, help="the folder of the curves")
    folder = parser.parse_args().lcdb
    if folder is None:
        print("Nothing to read: name the folder of the curves with --lcdb.")
        return
    scores, classes = read(folder)
    every = list(cases(scores))
    for kind, least, most in (("two classes", 2, 2), ("3 or 4", 3, 4), ("5 and more", 5, 10_000)):
        some = [case for case in every if least <= classes.get(case.table, 0) <= most]
        count = len({case.table for case in some})
        for name, belief in (("many classes", MANY_CLASSES), ("two classes", TWO_CLASSES)):
            print(
                f"{kind:<11} {len(some):>5} curves of {count:>3} tables, belief of {name:<12} "
                f"{summary(some, belief)}",
                flush=True,
            )


if __name__ == "__main__":
    main()
