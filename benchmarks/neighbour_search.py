"""How long the search for near copies takes among many vectors, and how it grows.

Run: python benchmarks/neighbour_search.py [--rows 10000 30000 100000] [--dimensions 128]

Vectors lie in clusters, as features of pictures do, and one in fifty is a near copy of another. The
peer is scikit-learn's exact brute-force search over all pairs, measured on a sample of the queries
and scaled to all; both alternate. Aim: 100,000 rows in less than a minute on two cores, and a
growth well below quadratic (exponent 2).
"""

from __future__ import annotations

import argparse
import resource
import time

import numpy as np
from numpy.typing import NDArray
from sklearn.neighbors import NearestNeighbors

from phoropter.look.neighbours import vector_neighbours

NEIGHBOURS = 10
SAMPLE = 1_000


def vectors(rows: int, dimensions: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Unit vectors, and for the last fiftieth of them the row that each is a copy of."""
    rng = np.random.default_rng(0)
    copies = rows // 50
    centres = rng.normal(size=(rows // 200, dimensions))
    points = centres[rng.integers(0, len(centres), rows)] + 0.7 * rng.normal(
        size=(rows, dimensions)
    )
    source = rng.choice(rows - copies, copies, replace=False)
    points[-copies:] = points[source] + 0.1 * rng.normal(size=(copies, dimensions))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    return points.astype(np.float32), source


def exact(points: NDArray[np.float32]) -> float:
    """Seconds that all queries would take."""
    start = time.perf_counter()
    search = NearestNeighbors(n_neighbors=NEIGHBOURS + 1, algorithm="brute").fit(points)
    search.kneighbors(points[:SAMPLE])
    return (time.perf_counter() - start) * len(points) / SAMPLE


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 30_000, 100_000])
    parser.add_argument("--dimensions", type=int, default=128)
    arguments = parser.parse_args()
    times = []
    for rows in arguments.rows:
        points, source = vectors(rows, arguments.dimensions)
        start = time.perf_counter()
        near = vector_neighbours(points, NEIGHBOURS, seed=0)
        times.append(time.perf_counter() - start)
        found = (near.rows[-len(source) :] == source[:, None]).any(axis=1).mean()
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        print(
            f"{rows:7d} rows  {times[-1]:6.1f} s   exact {exact(points):7.1f} s   copies found "
            f"{found:.4f}   peak memory {peak:.2f} GiB"
        )
    grown = np.polyfit(np.log(arguments.rows), np.log(times), 1)[0]
    print(f"growth exponent {grown:.2f}")


if __name__ == "__main__":
    main()
