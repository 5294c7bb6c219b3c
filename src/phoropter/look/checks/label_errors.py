"""Labels that the other samples contradict."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from phoropter.core.records import Finding, Rows
from phoropter.core.seed import derive
from phoropter.look.class_probabilities import (
    FEW,
    FOLDS,
    MANY_FOLDS,
    Model,
    by_logistic_regression,
    by_words,
    described_rows,
)
from phoropter.look.evidence import LookEvidence
from phoropter.look.label_opinion import doubtful_labels, judge_labels

FEWEST_OF_CLASS = 2 * FOLDS
FEWEST = 40


def check(evidence: LookEvidence) -> Iterable[Finding]:
    """One finding for all labels in doubt; silent where sound labels explain what is seen.

    Flat pictures, and classes with fewer than `FEWEST_OF_CLASS` families, are not judged: who has
    seen one patient of a class does not know the class.
    """
    if evidence.labels is None:
        return
    rows = np.flatnonzero((evidence.labels != "") & evidence.shows_something)
    rows = rows[_often_seen(evidence.labels[rows], evidence.families[rows])]
    names, labels = np.unique(evidence.labels[rows], return_inverse=True)
    if len(names) < 2 or len(rows) < FEWEST:
        return
    opinion = judge_labels(
        _models(evidence, rows, labels.astype(np.int64)),
        labels.astype(np.int64),
        evidence.families[rows],
        seed=derive(evidence.seed, "label-errors"),
        folds=MANY_FOLDS if evidence.dataset.modality == "text" and len(rows) <= FEW else FOLDS,
    )
    source = evidence.feature_source
    finding = doubtful_labels(evidence, opinion, rows=rows, names=names, source=source)
    if finding is not None:
        yield finding


def _models(evidence: LookEvidence, rows: Rows, labels: NDArray[np.int64]) -> tuple[Model, ...]:
    if evidence.dataset.modality == "text":
        return (by_words([evidence.texts[row] for row in rows], labels, seed=evidence.seed),)
    return by_logistic_regression(described_rows(evidence, rows), labels)


def _often_seen(labels: NDArray[np.str_], families: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether a row's class occurs in enough families, shape (m,)."""
    _, numbers = np.unique(labels, return_inverse=True)
    pairs = np.unique(np.stack([numbers, families], axis=1), axis=0)
    return np.asarray((np.bincount(pairs[:, 0]) >= FEWEST_OF_CLASS)[numbers])
