"""Whether labels survive a variation: a six on its head is a nine.

A varied image has lost its label if it looks like another class: not like nothing (a hard case may
keep its label), but as much like images of that class as they look like each other. Who says so are
the plain images themselves, by their nearest neighbours, without the image that was varied.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc, betaincinv

NEIGHBOURS = 5
AGREEING = 4  # of them, for an image to be taken for a class
NEAREST = 0.95  # quantile of the distances between a class's own images and their nearest ones
PAIRS = 0.25  # quantile of those between any two of them: where all hang together closely, as in
# print, the nearest are nearer than anything that was moved at all
ALPHA = 0.001  # for all kinds of variation and pairs of classes together
LEAST_SHARE = 0.05  # of a class that is lost to another one; less does no harm that could be seen
LEAST_KNOWN = 30  # images that are known by their neighbours, to say how many still are
LEAST_SAMPLES = 5  # of a class, known by their neighbours while unvaried, to judge it by

Vectors = NDArray[np.float32]
Labels = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Lost:
    """A class that a variation turns into another one.

    Args:
        kind: Of variation.
        label: Number of the class.
        becomes: Number of the class that it is taken for.
        taken: Samples that are, of those of the class that are known while unvaried.
        samples: These.
        chance: Share of the unvaried samples of the class that are taken for the other one, at the
            upper end of its 95 % interval.
        p_value: Of so many or more by chance, corrected for kinds and pairs of classes.
    """

    kind: str
    label: int
    becomes: int
    taken: int
    samples: int
    chance: float
    p_value: float


def lost_labels(
    plain: Vectors, labels: Labels, rows: NDArray[np.int64], varied: Mapping[str, Vectors]
) -> tuple[Lost, ...]:
    """The classes that some kind of variation turns into others, the surest first.

    Args:
        plain: Unvaried images as vectors (n, d), whose distance is a difference in looks.
        labels: Their classes, from 0, shape (n,).
        rows: Positions of the images that were varied, shape (m,).
        varied: The same images by kind of variation, (m, d) each.
    """
    if len(plain) <= NEIGHBOURS:
        return ()
    limits = _typical_distances(plain, labels)
    names, counts = np.unique(labels), np.bincount(labels)
    most, before = _taken(plain, plain, labels, np.arange(len(labels)), limits)
    tests = max(1, len(varied) * len(names) * (len(names) - 1))
    found = []
    for kind, vectors in varied.items():
        _, after = _taken(vectors, plain, labels, rows, limits)
        for label in np.unique(labels[rows]).tolist():
            known = (labels[rows] == label) & (most[rows] == label)
            samples = int(known.sum())
            for other in np.setdiff1d(after[known], [label, -1]).tolist():
                taken = int((after[known] == other).sum())
                confused = int((before[labels == label] == other).sum())
                chance = _upper(confused, int(counts[label]))
                p_value = min(1.0, tests * at_least(taken, samples, chance))
                enough = samples >= LEAST_SAMPLES and taken >= LEAST_SHARE * samples
                if enough and p_value <= ALPHA:
                    found.append(Lost(kind, label, other, taken, samples, chance, p_value))
    return tuple(sorted(found, key=lambda item: item.p_value))


def recognised(
    plain: Vectors, labels: Labels, rows: NDArray[np.int64], varied: Mapping[str, Vectors]
) -> dict[str, float]:
    """What is left of images by kind of variation: from 0 (chance) to 1 (all that was known).

    Of those that are nearest to their own class while unvaried the share that still are, on the
    scale of guessing among the classes. Nothing where too few are known, or no more than by luck.

    Args:
        plain: Unvaried images as vectors (n, d).
        labels: Their classes, from 0, shape (n,).
        rows: Positions of the images that were varied, as many of each class, shape (m,).
        varied: The same images by kind of variation, (m, d) each.
    """
    if len(plain) <= NEIGHBOURS:
        return {}
    everywhere = np.full(int(labels.max()) + 1, np.inf)
    chance = 1 / len(np.unique(labels[rows]))
    before, _ = _taken(plain[rows], plain, labels, rows, everywhere)
    known = before == labels[rows]
    if chance == 1 or known.sum() < LEAST_KNOWN:
        return {}
    if at_least(int(known.sum()), len(rows), chance) > ALPHA:  # neighbours know nothing to lose
        return {}
    shares = {
        kind: float(
            (_taken(vectors, plain, labels, rows, everywhere)[0] == labels[rows])[known].mean()
        )
        for kind, vectors in varied.items()
    }
    return {kind: (share - chance) / (1 - chance) for kind, share in shares.items()}


def _typical_distances(plain: Vectors, labels: Labels) -> NDArray[np.float64]:
    """How far an image may be from the nearest one of each class to look like one, shape (k,)."""
    limits = np.zeros(int(labels.max()) + 1)
    for label in np.unique(labels).tolist():
        members = plain[labels == label]
        if len(members) > 1:
            distances = _distances(members, members)
            apart = distances[np.triu_indices(len(members), 1)]
            np.fill_diagonal(distances, np.inf)
            nearest = np.quantile(distances.min(1), NEAREST)
            limits[label] = max(float(nearest), float(np.quantile(apart, PAIRS)))
    return limits


def _taken(
    vectors: Vectors,
    plain: Vectors,
    labels: Labels,
    rows: NDArray[np.int64],
    limits: NDArray[np.float64],
) -> tuple[Labels, Labels]:
    """The class of most neighbours, and the one that an image is taken for or -1, (m,) each."""
    distances = _distances(vectors, plain)
    distances[np.arange(len(rows)), rows] = np.inf  # an image is no witness of itself
    nearest = np.argpartition(distances, NEIGHBOURS, axis=1)[:, :NEIGHBOURS]
    classes = np.arange(len(limits))
    votes = (labels[nearest][:, :, None] == classes).sum(1)
    most = votes.argmax(1)
    to_class = np.where(labels[None, :] == most[:, None], distances, np.inf).min(1)
    sure = (votes.max(1) >= AGREEING) & (to_class <= limits[most])
    return most, np.where(sure, most, -1)


def _distances(one: Vectors, other: Vectors) -> NDArray[np.float64]:
    squares = (one.astype(np.float64) ** 2).sum(1)[:, None] + (other.astype(np.float64) ** 2).sum(1)
    return np.asarray(np.sqrt(np.maximum(squares - 2.0 * (one @ other.T), 0.0)))


def at_least(count: int, of: int, chance: float) -> float:
    """Probability of `count` or more of `of` trials that succeed with this chance, count > 0.

    >>> round(at_least(2, 3, 0.5), 6)
    0.5
    """
    return float(betainc(count, of - count + 1, chance))


def _upper(count: int, of: int) -> float:
    """Upper end of the exact 95 % interval of a share (Clopper & Pearson 1934)."""
    return 1.0 if count >= of else float(betaincinv(count + 1, of - count, 0.975))
