"""What a linear model, fitted on the other samples, takes each sample for."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray

from phoropter.core.seed import derive, generator
from phoropter.look.detail import blocks
from phoropter.look.evidence import LookEvidence, described
from phoropter.look.neighbours import fitted_units

FOLDS = 5

MOST_FITTED = 4_000
"""Rows drawn for the fit of a fold; more change the probabilities little and cost time."""

ITERATIONS = 300

MOST_AT_ONCE = 50_000
BLOCK_ROWS = 20_000

COMPONENTS = 256
"""Principal components kept of wider descriptions; beyond them only time is lost."""


def described_rows(evidence: LookEvidence, rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """Columns (m, d) that describe these rows: their features, else their pixels.

    Each row is scaled to length one; then the columns are centred and all scaled alike, to a
    variance of one on average. Of more than `MOST_AT_ONCE` rows the scales and the principal
    components are those of some drawn ones.
    """
    if len(rows) > MOST_AT_ONCE:
        return _described_in_blocks(evidence, rows)
    features = described(evidence, rows)
    length = np.linalg.norm(features, axis=1, keepdims=True)
    columns = features / np.maximum(length, 1e-12)
    columns -= columns.mean(axis=0)
    columns /= max(float(columns.std()), 1e-12)
    if min(columns.shape) <= COMPONENTS:
        return np.asarray(columns, dtype=np.float32)
    from sklearn.decomposition import PCA

    seed = derive(evidence.seed, "described-rows") % 2**32
    reduction = PCA(COMPONENTS, svd_solver="randomized", random_state=seed)
    return np.asarray(reduction.fit_transform(columns), dtype=np.float32)


def _described_in_blocks(evidence: LookEvidence, rows: NDArray[np.int64]) -> NDArray[np.float32]:
    units = fitted_units(lambda at: described(evidence, rows[at]), len(rows), seed=evidence.seed)
    width = units(np.arange(1)).shape[1]
    columns = np.empty((len(rows), width), dtype=np.float32)
    for part in blocks(len(rows), BLOCK_ROWS):
        columns[part] = units(np.arange(part.start, part.stop))
    columns -= columns.mean(axis=0)
    columns /= max(float(columns[:: len(rows) // MOST_AT_ONCE].std()), 1e-12)
    return columns


def family_folds(
    labels: NDArray[np.int64], families: NDArray[np.int64], *, seed: int, count: int = FOLDS
) -> NDArray[np.int64]:
    """A fold from 0 to `count` - 1 for each row, shape (n,); families stay whole.

    Families are dealt like cards, class by class (by the label of their first row), so that each
    fold gets its share of every class.

    >>> family_folds(np.array([0, 0, 1, 1]), np.array([7, 7, 8, 9]), seed=0, count=2).tolist()
    [0, 0, 1, 0]
    """
    _, first, family = np.unique(families, return_index=True, return_inverse=True)
    rng = generator(seed, "family-folds")
    shuffled = rng.permutation(len(first))
    dealt = shuffled[np.argsort(labels[first[shuffled]], kind="stable")]
    fold = np.empty(len(first), dtype=np.int64)
    fold[dealt] = np.arange(len(first)) % count
    return np.asarray(fold[family])


def out_of_fold_probabilities(
    columns: NDArray[np.float32],
    labels: NDArray[np.int64],
    fold: NDArray[np.int64],
    *,
    trusted: NDArray[np.bool_],
    strength: float,
    seed: int,
) -> NDArray[np.float64]:
    """Class probabilities of a logistic regression that has not seen the row, shape (n, k).

    Args:
        columns: Shape (n, d), centred, of a variance of one on average.
        labels: Numbers of the classes, from 0 to k - 1, shape (n,).
        fold: Shape (n,).
        trusted: The rows that may be fitted, shape (n,); all are judged.
        strength: Inverse of the L2 penalty.
        seed: Draws the rows of large fits.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    probabilities = np.zeros((len(labels), int(labels.max()) + 1))
    for held_out in np.unique(fold).tolist():
        fitted = np.flatnonzero((fold != held_out) & trusted)
        if len(fitted) > MOST_FITTED:
            rng = generator(seed, "fitted", held_out)
            fitted = np.sort(rng.choice(fitted, MOST_FITTED, replace=False))
        model = LogisticRegression(C=strength, max_iter=ITERATIONS)
        with warnings.catch_warnings():
            # The last steps of an unfinished fit move no sample across a boundary.
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(columns[fitted], labels[fitted])
        judged = np.flatnonzero(fold == held_out)
        probabilities[np.ix_(judged, model.classes_)] = model.predict_proba(columns[judged])
    return probabilities
