"""The samples that stand for their class, and those that fit it least."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from phoropter.look.evidence import LookEvidence, described

Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Exemplars:
    """Of one class.

    Args:
        typical: Positions in the table, the most typical first.
        unusual: Likewise, the most unusual first.
    """

    typical: Rows
    unusual: Rows


def exemplars(
    evidence: LookEvidence, among: NDArray[np.bool_], *, count: int
) -> Mapping[str, Exemplars]:
    """Typical and unusual samples of each class; of the whole ("") where there are no classes.

    The measure is the cosine between a sample's features and the mean of the others of its class.
    Of a family of copies only one is named, and flat pictures are not.

    Args:
        evidence: The samples.
        among: The rows that may be named, shape (n,).
        count: Of each kind, at most; never more than half of a class.
    """
    labels = evidence.labels
    if labels is None:
        labels = np.full(len(evidence.dataset), "")
    rows = np.flatnonzero(among & evidence.shows_something)
    _, first = np.unique(evidence.families[rows], return_index=True)
    rows = rows[np.sort(first)]
    return {
        str(name): _of_one(evidence, rows[labels[rows] == name], count)
        for name in np.unique(labels[rows])
    }


def _of_one(evidence: LookEvidence, rows: Rows, count: int) -> Exemplars:
    features = described(evidence, rows)
    units = features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12)
    total = units.sum(axis=0)
    others = total - units
    length = np.maximum(np.linalg.norm(others, axis=1), 1e-12)
    likeness = np.einsum("ij,ij->i", units, others) / length
    order = rows[np.argsort(-likeness, kind="stable")]
    named = min(count, len(rows) // 2) or min(len(rows), 1)
    return Exemplars(order[:named], order[::-1][: min(named, len(rows) // 2)])
