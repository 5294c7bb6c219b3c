"""What linear models, fitted on the other samples, take each sample for."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from phoropter.core.records import Rows
from phoropter.core.seed import generator
from phoropter.look.components import principal
from phoropter.look.detail import blocks
from phoropter.look.evidence import LookEvidence, described
from phoropter.look.neighbours import fitted_units
from phoropter.prediction.row_features import word_weights

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

FOLDS = 5

FEW = 1_000
MANY_FOLDS = 20
"""Folds of no more than so many texts: where a word occurs in a few of them, each one counts."""

RANK = 1e-9
"""Eigenvalues below this share of the largest are rounding."""

MOST_FITTED = 4_000
"""Rows drawn for the fit of a fold; more change the probabilities little and cost time."""

ITERATIONS = 300

MOST_AT_ONCE = 50_000
BLOCK_ROWS = 20_000

COMPONENTS = 256
"""Principal components kept of wider descriptions; beyond them only time is lost."""

STRENGTHS = (0.006, 0.0006, 0.0002)
"""Inverse penalties of the logistic regression: strong, for wrong labels must not be learnt. The
first was set on handwritten digits and photographs with and without planted errors. Of some hundred
labels, a fifth of them wrong, it learns too many by heart; the stronger ones then tell unseen
labels better, and are taken where they do."""

FEW_FITTED = 2_000
"""Rows up to which the stronger penalties are tried; of more, wrong labels are not learnt."""

SMOOTHING = 0.1
"""Counted for every word in every class, so that a word never seen there is not impossible."""

TOLERANCE = 1e-3
"""Gradient at which a logistic regression on words is left: a tenth of a label's weight."""

Model = Callable[[Rows, Rows], tuple[NDArray[np.int64], NDArray[np.float64]]]
"""Fits some rows and judges others: the classes (k,) that it has seen, and probabilities (m, k)."""


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
    reduction = principal(columns, COMPONENTS, seed=evidence.seed, name="described-rows")
    return np.asarray(reduction.transform(columns), dtype=np.float32)


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


def by_logistic_regression(
    columns: NDArray[np.float32], labels: NDArray[np.int64]
) -> tuple[Model, ...]:
    """Linear models on descriptions, of one penalty each.

    Args:
        columns: Shape (n, d), centred, of a variance of one on average.
        labels: Shape (n,).
    """
    strengths = STRENGTHS if len(labels) <= FEW_FITTED else STRENGTHS[:1]
    return tuple(_logistic(columns, labels, strength) for strength in strengths)


def _logistic(columns: NDArray[np.float32], labels: NDArray[np.int64], strength: float) -> Model:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    def told(fitted: Rows, judged: Rows) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        model = LogisticRegression(C=strength, max_iter=ITERATIONS)
        with warnings.catch_warnings():
            # The last steps of an unfinished fit move no sample across a boundary.
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(columns[fitted], labels[fitted])
        return model.classes_, model.predict_proba(columns[judged])

    return told


def by_words(texts: Sequence[str], labels: NDArray[np.int64], *, seed: int) -> Model:
    """Two linear models on the words of texts and on parts of words; their opinions are averaged.

    Multinomial naive Bayes learns from few texts, logistic regression weighs words that occur
    together; the mean of their log probabilities is better than either. Source: Wang and Manning,
    "Baselines and bigrams: simple, good sentiment and topic classification", ACL 2012.

    Args:
        texts: Shape (n,).
        labels: Shape (n,).
        seed: Draws those that the words are learnt from, of more than 50,000.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.naive_bayes import MultinomialNB

    weights = word_weights(texts, seed=seed)
    columns = _turned(weights(np.arange(len(texts)))) if len(texts) <= FEW else None

    def told(fitted: Rows, judged: Rows) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        words, together = MultinomialNB(alpha=SMOOTHING), LogisticRegression(tol=TOLERANCE)
        known = weights(fitted)
        words.fit(known, labels[fitted])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # as above
            together.fit(known if columns is None else columns[fitted], labels[fitted])
        parts = []
        for part in blocks(len(judged), BLOCK_ROWS):
            asked = weights(judged[part])
            turned = asked if columns is None else columns[judged[part]]
            logs = words.predict_log_proba(asked), together.predict_log_proba(turned)
            mean = np.exp(np.mean(logs, axis=0))
            parts.append(mean / mean.sum(axis=1, keepdims=True))
        return words.classes_, np.concatenate(parts)

    return told


def _turned(weights: csr_matrix) -> NDArray[np.float64]:
    """Rows (n, d) in no more than n dimensions, their inner products as they were.

    A linear model with a penalty on its length is the same on them, and fitted in a fraction of the
    time where columns are many (Schölkopf, Herbrich and Smola, "A generalized representer theorem",
    COLT 2001).
    """
    values, directions = np.linalg.eigh((weights @ weights.T).toarray().astype(np.float64))
    kept = values > RANK * max(float(values[-1]), RANK)
    return np.asarray(directions[:, kept] * np.sqrt(values[kept]))


def out_of_fold_probabilities(
    model: Model,
    labels: NDArray[np.int64],
    fold: NDArray[np.int64],
    *,
    trusted: NDArray[np.bool_],
    seed: int,
) -> NDArray[np.float64]:
    """Class probabilities of a model that has not seen the row, shape (n, k).

    Args:
        model: Fits some rows and judges others.
        labels: Numbers of the classes, from 0 to k - 1, shape (n,).
        fold: Shape (n,).
        trusted: The rows that may be fitted, shape (n,); all are judged.
        seed: Draws the rows of large fits.
    """
    probabilities = np.zeros((len(labels), int(labels.max()) + 1))
    for held_out in np.unique(fold).tolist():
        fitted = np.flatnonzero((fold != held_out) & trusted)
        if len(fitted) > MOST_FITTED:
            rng = generator(seed, "fitted", held_out)
            fitted = np.sort(rng.choice(fitted, MOST_FITTED, replace=False))
        judged = np.flatnonzero(fold == held_out)
        classes, chances = model(fitted, judged)
        probabilities[np.ix_(judged, classes)] = chances
    return probabilities
