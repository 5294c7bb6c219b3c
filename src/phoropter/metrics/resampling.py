"""Drawing samples anew, and what statistics are on the draws.

A resample is a row of counts, so one pass over an array serves many resamples.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from phoropter.core.seed import generator
from phoropter.metrics.function import Floats, Weighted, chunks

LEVEL = 0.95
LEAST_DEFINED = 0.5  # an interval from fewer defined resamples than this share would be a guess


def resample_counts(
    samples: int, resamples: int, seed: int, *, drawn: int | None = None
) -> Iterator[Floats]:
    """How often each resample draws each sample: pieces of a (resamples, samples) table.

    >>> sum(float(piece.sum()) for piece in resample_counts(10, 3, seed=0))
    30.0

    Args:
        samples: How many there are.
        resamples: Rows of the table.
        seed: Of the draws.
        drawn: How many samples a resample draws; by default as many as there are.
    """
    draw = generator(seed, "bootstrap")
    width = samples if drawn is None else drawn
    for rows in chunks(resamples, samples):
        places = draw.integers(0, samples, size=(rows, width), dtype=np.int64)
        places += np.arange(rows)[:, None] * samples
        flat = np.bincount(places.ravel(), minlength=rows * samples)
        yield flat.reshape(rows, samples).astype(np.float64)


def bootstrap(
    weighted: Sequence[Weighted],
    samples: int,
    *,
    resamples: int,
    seed: int,
    drawn: int | None = None,
) -> Floats:
    """Values of several statistics on the same resamples, shape (len(weighted), resamples)."""
    pieces = [
        np.stack([compute(counts) for compute in weighted])
        for counts in resample_counts(samples, resamples, seed, drawn=drawn)
    ]
    return np.concatenate(pieces, axis=1)
