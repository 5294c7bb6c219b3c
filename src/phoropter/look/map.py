"""The data as points on a plane, and the groups that they form without their labels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from phoropter.core.seed import derive, generator
from phoropter.look.components import principal
from phoropter.look.evidence import LookEvidence, described
from phoropter.look.neighbours import unit_vectors
from phoropter.look.threads import one_thread

MOST_POINTS = 1_500
"""Points of the map; of more samples some are drawn, each class by its share."""

FEWEST_POINTS = 10
COMPONENTS = 50
"""Principal components that t-SNE and the clusterings work on (van der Maaten and Hinton 2008)."""

PERPLEXITY = 30.0
MOST_CLUSTERS = 12
DENSE_NEIGHBOURS = 5

Plane = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Clusters:
    """k-means for every number of clusters tried, and one grouping by density.

    Args:
        counts: The numbers of clusters tried.
        sse: Sum of squared distances to the centres, one for each of `counts`.
        silhouettes: Mean silhouette, one for each of `counts` (Rousseeuw 1987).
        elbow: The number of clusters at the bend of `sse`.
        best: The number of clusters with the largest silhouette.
        numbers: Cluster of each point for `best`, shape (m,).
        dense: Cluster of each point by DBSCAN, shape (m,); -1 where it belongs to none.
        radius: Of DBSCAN: the bend of the sorted distances to the fifth neighbour.
    """

    counts: tuple[int, ...]
    sse: tuple[float, ...]
    silhouettes: tuple[float, ...]
    elbow: int
    best: int
    numbers: NDArray[np.int64]
    dense: NDArray[np.int64]
    radius: float


@dataclass(frozen=True, slots=True, eq=False)
class DataMap:
    """Where some samples lie among the others.

    Args:
        rows: Positions in the table, shape (m,), ascending.
        pca: First two principal components of the features, shape (m, 2).
        explained: Share of the variance along each of them.
        tsne: Coordinates that keep neighbours together, shape (m, 2).
        clusters: Groups among the points.
    """

    rows: NDArray[np.int64]
    pca: Plane
    explained: tuple[float, float]
    tsne: Plane
    clusters: Clusters


def map_of(evidence: LookEvidence, *, most: int = MOST_POINTS) -> DataMap | None:
    """The map, or None where there are too few samples for one.

    Args:
        evidence: The samples.
        most: Points on it.
    """
    if len(evidence.dataset) < FEWEST_POINTS:
        return None
    rows = drawn(evidence, most)
    vectors = unit_vectors(described(evidence, rows), seed=evidence.seed)
    count = min(COMPONENTS, len(rows) - 1, vectors.shape[1])
    seed = derive(evidence.seed, "map") % 2**32
    reduction = principal(vectors, count, seed=evidence.seed, name="map-components")
    points = reduction.transform(vectors).astype(np.float64)
    shares = np.append(np.nan_to_num(reduction.explained_variance_ratio_), 0.0)
    pca = np.concatenate([points, np.zeros((len(points), 1))], axis=1)[:, :2]
    with one_thread():
        return DataMap(
            rows=rows,
            pca=pca,
            explained=(float(shares[0]), float(shares[1])),
            tsne=_tsne(points, pca, seed),
            clusters=clusters_of(points, seed=seed),
        )


def clusters_of(points: Plane, *, seed: int) -> Clusters:
    """Groups among points (m, d), m at least 3."""
    from sklearn.cluster import DBSCAN, KMeans
    from sklearn.metrics import silhouette_score

    distinct = len(np.unique(points.round(9), axis=0))
    counts = tuple(range(2, min(MOST_CLUSTERS, distinct - 1) + 1))
    fits = [KMeans(count, n_init=4, random_state=seed).fit(points) for count in counts]
    scores = tuple(
        float(silhouette_score(points, fit.labels_, sample_size=1_000, random_state=seed))
        if len(points) > 1_000
        else float(silhouette_score(points, fit.labels_))
        for fit in fits
    )
    radius = _radius(points)
    dense = DBSCAN(eps=radius, min_samples=DENSE_NEIGHBOURS).fit_predict(points)
    best = int(np.argmax(scores)) if scores else -1
    sse = tuple(float(fit.inertia_) for fit in fits)
    return Clusters(
        counts=counts,
        sse=sse,
        silhouettes=scores,
        elbow=counts[bend(np.array(sse))] if counts else 1,
        best=counts[best] if counts else 1,
        numbers=(
            fits[best].labels_.astype(np.int64) if counts else np.zeros(len(points), dtype=np.int64)
        ),
        dense=dense.astype(np.int64),
        radius=radius,
    )


def bend(values: NDArray[np.float64]) -> int:
    """Where a monotonous curve bends most: the point farthest from the line between its ends.

    Source: Satopää et al., "Finding a 'kneedle' in a haystack", ICDCS workshops 2011.

    >>> bend(np.array([100.0, 40.0, 12.0, 10.0, 9.0, 8.0]))
    2
    """
    height = float(values[-1] - values[0])
    if len(values) < 3 or height == 0:
        return 0
    line = np.linspace(0.0, 1.0, len(values))
    return int(np.abs((values - values[0]) / height - line).argmax())


def _radius(points: Plane) -> float:
    from sklearn.neighbors import NearestNeighbors

    count = min(DENSE_NEIGHBOURS, len(points) - 1)
    near = NearestNeighbors(n_neighbors=count).fit(points).kneighbors()[0][:, -1]
    ordered = np.sort(near)
    return max(float(ordered[bend(ordered)]), 1e-9)


def _tsne(points: Plane, start: Plane, seed: int) -> Plane:
    from sklearn.manifold import TSNE

    spread = float(start[:, 0].std())
    if spread < 1e-9:  # all alike: there is nothing to spread out
        return np.zeros_like(start)
    model = TSNE(
        perplexity=min(PERPLEXITY, (len(points) - 1) / 3),
        init=(start / spread * 1e-4).astype(np.float32),
        random_state=seed,
    )
    return np.asarray(model.fit_transform(points), dtype=np.float64)


def drawn(evidence: LookEvidence, most: int) -> NDArray[np.int64]:
    """At most so many rows, ascending; of more some are drawn, each class by its share."""
    count = len(evidence.dataset)
    if count <= most:
        return np.arange(count, dtype=np.int64)
    order = generator(evidence.seed, "map").permutation(count)
    if evidence.labels is not None:  # shuffled within classes, then evenly spaced: shares are kept
        order = order[np.argsort(evidence.labels[order], kind="stable")]
        order = order[np.linspace(0, count - 1, most).round().astype(np.int64)]
    return np.sort(order[:most]).astype(np.int64)
