"""A single column that gives the target away."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import polars as pl
from numpy.typing import NDArray

from phoropter.core.records import Finding, Prescription
from phoropter.core.seed import derive, generator
from phoropter.look.columns import inputs_of, meant_as_numbers, target_values
from phoropter.look.evidence import LookEvidence
from phoropter.look.listing import counted, listed

WARNING_SCORE = 0.98
"""Mean recall of the classes (or R^2) that one column reaches alone. Honest columns stay below
(the best of iris reaches 0.96); what is above is another word for the target, or was written down
after it was known. Whether it is, only people can say."""

FOLDS = 5
MOST_ROWS = 5_000
FEWEST = 50
LEAVES = 64


def check(evidence: LookEvidence) -> Iterable[Finding]:
    """One finding for all columns from which alone the target can be told, on rows not seen."""
    target = target_values(evidence)
    if target is None or len(target) < FEWEST:
        return
    rows = _drawn(len(target), evidence.seed)
    classes = target.dtype.kind == "U"
    if classes:
        names, counts = np.unique(target[rows], return_counts=True)
        rows = rows[np.isin(target[rows], names[counts >= FOLDS])]
        if len(np.unique(target[rows])) < 2:
            return
    scores = {
        column.name: _score(_coded(column)[rows], target[rows], seed=evidence.seed)
        for column in inputs_of(evidence.dataset)
        if column.drop_nulls().n_unique() > 1
    }
    leaks = sorted(
        ((score, name) for name, score in scores.items() if score >= WARNING_SCORE), reverse=True
    )
    if not leaks:
        return
    score, name = leaks[0]
    measure = "of the classes' recall" if classes else "R²"
    yield Finding(
        code="leaking-column",
        severity="critical",
        confidence=0.9,
        message=(
            f"{counted(len(leaks), 'column')} {'is' if len(leaks) == 1 else 'are'} enough to tell "
            f"the target alone: {name!r} predicts {evidence.dataset.targets[0]!r} with "
            f"{score:.3f} {measure}."
        ),
        evidence={
            "columns": dict(listed((name, score) for score, name in leaks)),
            "warning_score": WARNING_SCORE,
            "best": dict(listed(sorted(scores.items(), key=lambda item: -item[1]))),
        },
        prescriptions=(
            Prescription(
                change={},
                advice=f"Leave out {name!r}, unless it is really known before the target is.",
                expected_gain=None,
                cost=0.0,
                why="A model that reads the answer learns nothing else, and fails where the "
                "answer is not written beside the question.",
            ),
        ),
    )


def _drawn(count: int, seed: int) -> NDArray[np.int64]:
    order = generator(seed, "leaking-column").permutation(count)
    return np.sort(order[:MOST_ROWS]).astype(np.int64)


def _coded(column: pl.Series) -> NDArray[np.float64]:
    """The column as numbers: categories by the order of their names, missing cells below all."""
    numbers = column if column.dtype.is_numeric() else meant_as_numbers(column)
    if numbers is not None:
        values = numbers.cast(pl.Float64).fill_null(float("nan")).to_numpy()
        known = values[np.isfinite(values)]
        below = known.min(initial=0) - 1
        return np.asarray(np.clip(np.nan_to_num(values, nan=below), -1e30, 1e30))
    return column.fill_null("").rank("dense").cast(pl.Float64).to_numpy()


def _score(
    column: NDArray[np.float64], target: NDArray[np.float64] | NDArray[np.str_], *, seed: int
) -> float:
    """Out-of-fold score of a small decision tree on this column alone."""
    from sklearn.metrics import balanced_accuracy_score, r2_score
    from sklearn.model_selection import KFold, StratifiedKFold, cross_val_predict
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    draw = derive(seed, "leaking-column") % 2**32
    classes = target.dtype.kind == "U"
    tree = DecisionTreeClassifier if classes else DecisionTreeRegressor
    folds = (StratifiedKFold if classes else KFold)(FOLDS, shuffle=True, random_state=draw)
    told = cross_val_predict(
        tree(max_leaf_nodes=LEAVES, random_state=draw), column[:, None], target, cv=folds
    )
    score = balanced_accuracy_score(target, told) if classes else r2_score(target, told)
    return float(score)
