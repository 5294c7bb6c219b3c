"""How far a picture is from all others, by what it shows and by its plain properties.

Two opinions: the distance to the tenth neighbour among features, which sees other content
(Ramaswamy et al., "Efficient algorithms for mining outliers from large data sets", SIGMOD 2000),
and an Isolation Forest on light and shape, which sees files that are hardly pictures (Liu, Ting and
Zhou, "Isolation forest", ICDM 2008; on hundreds of features, where a single odd sample moves no
axis, it sees little).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from phoropter.core.seed import derive, generator
from phoropter.look.detail import blocks
from phoropter.look.evidence import LookEvidence, described
from phoropter.look.neighbours import fitted_units, nearest, unit_vectors, vector_neighbours
from phoropter.look.properties import dimensions, light

NEIGHBOUR = 10
"""Beyond a family of copies, so that an odd picture and its copies are odd together."""

MOST_COMPARED = 50_000
BLOCK_ROWS = 20_000

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
    """Distance of each row to its tenth neighbour among features (or pixels), shape (n,).

    Of more than `MOST_COMPARED` rows the neighbours are sought among so many drawn ones, block by
    block: what is far from all is far from these, and memory does not grow with the set.
    """
    count, seed = len(evidence.dataset), evidence.seed
    if evidence.features is None and not evidence.shows_something.any():
        return np.zeros(count)
    every = np.arange(count, dtype=np.int64)
    if count <= MOST_COMPARED:
        vectors = unit_vectors(described(evidence, every), seed=seed)
        return np.asarray(vector_neighbours(vectors, NEIGHBOUR, seed=seed).distances[:, -1])
    units = fitted_units(partial(described, evidence), count, seed=seed)
    drawn = np.sort(generator(seed, "oddness").choice(count, MOST_COMPARED, replace=False))
    known = units(drawn)
    distances = np.empty(count)
    for part in blocks(count, BLOCK_ROWS):
        near = nearest(known, units(every[part]), NEIGHBOUR, seed=seed).distances
        # A drawn row finds itself first.
        itself = np.isin(every[part], drawn).astype(np.int64)
        distances[part] = near[np.arange(len(near)), NEIGHBOUR - 1 + itself]
    return distances


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
