"""How far a picture is from all others, by what it shows and by its plain properties.

Two opinions: the distance to the tenth neighbour among features, which sees other content
(Ramaswamy et al., "Efficient algorithms for mining outliers from large data sets", SIGMOD 2000),
and an Isolation Forest on light and shape, which sees files that are hardly pictures (Liu, Ting and
Zhou, "Isolation forest", ICDM 2008; on hundreds of features, where a single odd sample moves no
axis, it sees little).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from phoropter.core.seed import derive
from phoropter.look.evidence import LookEvidence
from phoropter.look.neighbours import picture_vectors, unit_vectors, vector_neighbours
from phoropter.look.properties import dimensions, light

NEIGHBOUR = 10
"""Beyond a family of copies, so that an odd picture and its copies are odd together."""

FEWEST = 50
TREES = 200
UPPER = 0.9
"""The quantile that, with the median, sets the scale; outliers lie above and cannot stretch it."""

Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Oddness:
    """How odd each row is, in standard deviations of a normal distribution's upper half.

    Args:
        total: Both opinions together, shape (n,).
        content: By the distance to neighbours, shape (n,).
        form: By light and shape, shape (n,).
    """

    total: Numbers
    content: Numbers
    form: Numbers


def oddness(evidence: LookEvidence) -> Oddness | None:
    """Both opinions on every row, or None where there are too few to learn from."""
    if len(evidence.dataset) < FEWEST:
        return None
    content = upper_scores(np.log(np.maximum(neighbour_distances(evidence), 1e-6)))
    form = upper_scores(_isolation(evidence))
    return Oddness(upper_scores(content + form), content, form)


def neighbour_distances(evidence: LookEvidence) -> Numbers:
    """Distance of each row to its tenth neighbour among features (or pixels), shape (n,)."""
    table = evidence.feature_table
    described = picture_vectors(evidence.thumbnails)[0] if table is None else table
    vectors = unit_vectors(described, seed=evidence.seed)
    near = vector_neighbours(vectors, NEIGHBOUR, seed=evidence.seed)
    return np.asarray(near.distances[:, -1])


def upper_scores(values: Numbers) -> Numbers:
    """Values less their median, in units in which their upper tenth begins as a normal's does.

    >>> scores = upper_scores(np.random.default_rng(0).normal(5.0, 3.0, 10_000))
    >>> bool(abs(np.quantile(scores, 0.9) - 1.2816) < 1e-3)
    True
    """
    from scipy.stats import norm

    middle, upper = np.quantile(values, [0.5, UPPER])
    unit = (upper - middle) / norm.ppf(UPPER)
    return np.asarray((values - middle) / (unit if unit > 1e-12 else 1.0))


def _isolation(evidence: LookEvidence) -> Numbers:
    from sklearn.ensemble import IsolationForest

    sides = dimensions(evidence.dataset.table)
    columns = [
        *light(evidence.thumbnails).values(),
        np.log(np.maximum(sides["height"] * sides["width"], 1.0)),
        np.log(np.maximum(sides["aspect ratio"], 1e-6)),
    ]
    values = np.stack(columns, axis=1)
    forest = IsolationForest(
        n_estimators=TREES, random_state=derive(evidence.seed, "isolation") % 2**32
    )
    return np.asarray(-forest.fit(values).score_samples(values))
