"""Which pictures are copies of each other, by a threshold learnt from the data themselves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from phoropter.look.candidates import Candidates, candidates
from phoropter.look.changes import said
from phoropter.look.isolation import believed, isolation
from phoropter.look.registration import Prepared, Registered, prepared, register

FALSE_ALARMS = 0.01
"""Copies expected to be found in a whole set that has none."""

CANDIDATES = 20
"""Others that each picture is compared with."""

LARGEST_FAMILY = 8
"""A picture and up to seven copies are recognised as one family: of its candidates, those from here
on are strangers."""

SMALLEST_SET = 20

SCOUTS = 4
PROMISING_EDGES = 0.6
PROMISING_LIKENESS = 3.6
"""A picture is compared with its nearest candidates first. Only if one of them is alike (edges
correlate by 0.6, the likeness is unusual in this set or at least 3.6) all others follow."""

UNUSUAL = 3.0
"""Standard deviations above what is usual of the nearest candidates. From two on the same planted
copies are found in five sets (benchmarks/planted_copies.py), from more than twice the pairs."""

POOLED_WEIGHT = 10
DEGREES = 20
"""Each picture's spread is that of its 13 strangers and the usual one of the set, counted as if it
rested on ten more; some 20 degrees of freedom in all."""

SMALLEST_SPREAD = 0.05

THIN = 5.0
CHANCE = 0.3
CHANCE_OF_ONE = 0.01
"""Strangers as near as a copy that may be expected. Where pictures fill fewer than five dimensions
(frames of a film, simple drawings) likeness is not normal: there it is so many pairs in the whole
set. Elsewhere the other test is the sharper one, and this is the limit for each picture."""

_HIGHEST_EDGES = 0.999
_HIGHEST_LIGHT = 0.9995


@dataclass(frozen=True, slots=True, eq=False)
class CopyRule:
    """How alike copies are, as learnt from one data set.

    Args:
        threshold: By how many standard deviations a copy is more alike than strangers are.
        stranger: Median likeness of strangers that look most alike, see `likeness`.
        spread: Median standard deviation of that.
        dimension: Median dimension of the space that the pictures fill.
    """

    threshold: float
    stranger: float
    spread: float
    dimension: float


@dataclass(frozen=True, slots=True, eq=False)
class Copies:
    """Pairs of rows that show (or say) the same.

    Args:
        pairs: Shape (p, 2), int64, first < second, nearest pair first.
        distances: Shape (p,); of pictures 1 - the correlation of their edges.
        rule: What was applied, or None where there was nothing to learn it from.
        how: What was done to the second of each pair, in a few words; empty where not known.
    """

    pairs: NDArray[np.int64]
    distances: NDArray[np.float64]
    rule: CopyRule | None
    how: tuple[str, ...] = ()


NO_COPIES = Copies(np.zeros((0, 2), dtype=np.int64), np.zeros(0), None)


@dataclass(frozen=True, slots=True, eq=False)
class _Compared:
    """Pairs that were laid onto each other; `keys` (p, 3) are first row, second row, mirrored."""

    keys: NDArray[np.int64]
    registered: Registered


def find_copies(thumbnails: NDArray[np.uint8], *, seed: int) -> Copies:
    """The pairs among thumbnails (n, 32, 32), none of them flat, that show the same picture.

    Each picture is laid onto its nearest candidates. A copy must pass two tests, from both
    pictures' points of view. Strangers that look alike by chance have likenesses spread like a
    normal sample, so that mean and spread follow from the lesser ones, which are beyond any
    family: a copy exceeds what is expected `FALSE_ALARMS` times in all comparisons (Student's t).
    And it lies nearer than by the dimension of its surroundings can be expected. Where strangers
    are so alike that this decides nothing, two pictures are copies that are each other's nearest
    and so much more alike than all others that chance explains at most a twentieth of such pairs.

    >>> rng = np.random.default_rng(0)
    >>> pictures = rng.integers(0, 256, (60, 32, 32)).astype(np.uint8)
    >>> pictures[7] = pictures[3, :, ::-1] // 2
    >>> find_copies(pictures, seed=0).pairs.tolist()
    [[3, 7]]
    """
    if len(thumbnails) < SMALLEST_SET:
        return NO_COPIES
    pictures = prepared(thumbnails)
    near = candidates(pictures, min(CANDIDATES, len(thumbnails) - 1), seed=seed)
    compared, rows = _compared(pictures, near)
    if not len(rows):
        return NO_COPIES
    return _judged(compared, near, rows)


def likeness(registered: Registered) -> NDArray[np.float64]:
    """One number for how alike pictures are when laid onto each other, shape (p,).

    The sum of Fisher's z (inverse hyperbolic tangent) of both correlations, which makes them
    nearly normal. Capped where re-encoding alone makes the difference.
    """
    edges = np.clip(registered.edges.astype(np.float64), -0.9, _HIGHEST_EDGES)
    light = np.clip(registered.light.astype(np.float64), -0.9, _HIGHEST_LIGHT)
    return np.asarray(np.arctanh(edges) + np.arctanh(light))


def log_distance(registered: Registered) -> NDArray[np.float64]:
    """Logarithm of the distance of both pictures' edges as unit vectors, shape (p,)."""
    edges = np.minimum(registered.edges.astype(np.float64), _HIGHEST_EDGES)
    return np.asarray(np.log(2 - 2 * edges) / 2)


def _compared(pictures: Prepared, near: Candidates) -> tuple[_Compared, NDArray[np.int64]]:
    """Every pair worth it, and the promising rows, all of whose candidates were compared."""
    total = len(near.rows)
    done = _register(pictures, _keys(near, np.arange(total), SCOUTS))
    level = _unusual(done.registered)
    promising = np.zeros(total, dtype=bool)
    while True:
        alike = done.registered.edges >= PROMISING_EDGES
        alike &= likeness(done.registered) >= level
        found = np.zeros(total, dtype=bool)
        found[done.keys[alike, :2]] = True
        new = np.flatnonzero(found & ~promising)
        if not len(new):
            return done, np.flatnonzero(promising)
        promising |= found
        missing = _without(_keys(near, new, near.rows.shape[1]), done.keys)
        done = _joined(done, _register(pictures, missing))


def _unusual(registered: Registered) -> float:
    """The likeness that few nearest candidates reach by chance."""
    values = likeness(registered)
    usual = float(np.median(values))
    deviation = 1.4826 * float(np.median(np.abs(values - usual)))
    return min(usual + UNUSUAL * deviation, PROMISING_LIKENESS)


def _keys(near: Candidates, rows: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """The pairs of rows with their first candidates, each once, shape (p, 3)."""
    return np.unique(_directed(near, rows, count).reshape(-1, 3), axis=0)


def _directed(near: Candidates, rows: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """For each row and candidate the key of their pair, shape (m, count, 3)."""
    others = near.rows[rows, :count]
    own = np.where(others < 0, -1, rows[:, None])
    first, second = np.minimum(own, others), np.maximum(own, others)
    return np.stack([first, second, near.flips[rows, :count] & (others >= 0)], axis=2)


def _without(keys: NDArray[np.int64], known: NDArray[np.int64]) -> NDArray[np.int64]:
    both = np.concatenate([known, keys])
    _, first = np.unique(both, axis=0, return_index=True)
    return both[np.sort(first[first >= len(known)])]


def _register(pictures: Prepared, keys: NDArray[np.int64]) -> _Compared:
    keys = keys[keys[:, 0] >= 0]
    return _Compared(keys, register(pictures, keys[:, :2], keys[:, 2].astype(np.bool_)))


def _joined(first: _Compared, second: _Compared) -> _Compared:
    one, two = first.registered, second.registered
    return _Compared(
        np.concatenate([first.keys, second.keys]),
        Registered(
            np.concatenate([one.edges, two.edges]),
            np.concatenate([one.light, two.light]),
            np.concatenate([one.poses, two.poses]),
        ),
    )


def _judged(compared: _Compared, near: Candidates, rows: NDArray[np.int64]) -> Copies:
    from scipy.stats import t as student

    total, count = near.rows.shape
    values = likeness(compared.registered)
    gaps = log_distance(compared.registered)
    places = _places(compared, near, rows)
    alike_first = _sorted(places, -values)
    centre, spread = spread_of_strangers(-alike_first)
    reach, dimension = surroundings(_sorted(places, gaps))
    place = np.full(total, -1)
    place[rows] = np.arange(len(rows))
    ends = place[compared.keys[:, :2]]
    known = np.flatnonzero((ends >= 0).all(axis=1))
    ends = ends[known]
    deviation = ((values[known, None] - centre[ends]) / spread[ends]).min(axis=1)
    chance = np.log(LARGEST_FAMILY) + dimension[ends] * (gaps[known, None] - reach[ends])
    thin = dimension[ends].min(axis=1) < THIN
    allowed = np.where(thin, min(CHANCE / total, CHANCE_OF_ONE), CHANCE_OF_ONE)
    threshold = float(student.isf(FALSE_ALARMS / (total * count), DEGREES))
    copied = (deviation > threshold) & (chance.max(axis=1) < np.log(allowed))
    mutual = _mutual(compared, values, total)
    apart = np.flatnonzero(mutual[known])
    surprise = isolation(alike_first)[ends[apart]].min(axis=1)
    copied[apart[believed(surprise, int(mutual.sum()))]] = True
    rule = CopyRule(threshold, *(float(np.median(one)) for one in (centre, spread, dimension)))
    return _ordered(compared, known[copied], rule)


def _mutual(compared: _Compared, values: NDArray[np.float64], total: int) -> NDArray[np.bool_]:
    """Whether neither picture of a pair is more like any other, shape (p,)."""
    most = np.full(total, -np.inf)
    for side in compared.keys[:, :2].T:
        np.maximum.at(most, side, values)
    return np.asarray((values[:, None] >= most[compared.keys[:, :2]]).all(axis=1))


def _places(compared: _Compared, near: Candidates, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """For each row and candidate the place of their pair in `compared`, -1 for none."""
    wanted = _directed(near, rows, near.rows.shape[1])
    both = np.concatenate([compared.keys, wanted.reshape(-1, 3)])
    _, number = np.unique(both, axis=0, return_inverse=True)
    known = np.full(number.max() + 1, -1)
    known[number[: len(compared.keys)]] = np.arange(len(compared.keys))
    return known[number[len(compared.keys) :]].reshape(wanted.shape[:2])


def _sorted(places: NDArray[np.int64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The values at the places, each row ascending, inf last where there is none."""
    return np.sort(np.where(places >= 0, values[places], np.inf), axis=1)


def spread_of_strangers(
    table: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and standard deviation of each row's likeness to strangers, shape (m,) each.

    The row's highest values may be copies, so they are left out: a line is fitted to the others
    over the expected order of a normal sample. The spread is drawn towards the usual one.

    Sources: Gupta, "Estimation of the mean and standard deviation of a normal population from a
    censored sample", Biometrika 1952; the positions: Blom, "Statistical estimates and transformed
    beta-variables", 1958.

    Args:
        table: Likeness to the candidates, shape (m, k), highest first, -inf where there is none.
    """
    from scipy.stats import norm

    count = table.shape[1]
    family = _family(count)
    expected = norm.ppf((count - np.arange(1, count + 1) + 0.625) / (count + 0.25))[family:]
    lesser = np.where(np.isfinite(table), table, np.nan)[:, family:]
    average = np.nanmean(lesser, axis=1)
    gap = expected - expected.mean()
    spread = np.maximum(np.nansum((lesser - average[:, None]) * gap, axis=1) / (gap @ gap), 0.0)
    spread = np.sqrt(_drawn(spread**2, len(expected) - 1))
    spread = np.maximum(spread, SMALLEST_SPREAD)
    return average - spread * expected.mean(), spread


def surroundings(
    table: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """How far the nearest stranger is, and the dimension that strangers fill, shape (m,) each.

    In m dimensions as many pictures as lie within a distance d are expected to grow as d^m. What
    lies where far less than one is expected is no stranger. On a thin manifold (frames of a film,
    simple drawings) m is small and very near ones are no surprise.

    Source: Levina and Bickel, "Maximum likelihood estimation of intrinsic dimension", NIPS 2004.

    Args:
        table: Logarithms of distances to the candidates, shape (m, k), nearest first.
    """
    family = _family(table.shape[1])
    strangers = np.where(np.isfinite(table), table, np.nan)[:, family:]
    farthest = np.nanmax(strangers, axis=1)
    inverse = np.nanmean(farthest[:, None] - strangers[:, :-1], axis=1)
    inverse = _drawn(np.maximum(inverse, 1e-3), strangers.shape[1] - 1)
    return strangers[:, 0], 1 / inverse


def _drawn(values: NDArray[np.float64], weight: int) -> NDArray[np.float64]:
    """Values of that weight each, drawn towards their median."""
    return (weight * values + POOLED_WEIGHT * np.median(values)) / (weight + POOLED_WEIGHT)


def _family(count: int) -> int:
    """The place of the first candidate that is surely a stranger."""
    return min(LARGEST_FAMILY, count // 2) - 1


def _ordered(compared: _Compared, found: NDArray[np.int64], rule: CopyRule) -> Copies:
    """The found pairs, nearest first, each once."""
    distances = 1 - compared.registered.edges[found].astype(np.float64)
    order = np.argsort(distances, kind="stable")
    _, first = np.unique(compared.keys[found[order], :2], axis=0, return_index=True)
    order = order[np.sort(first)]
    found = found[order]
    poses, flips = compared.registered.poses[found], compared.keys[found, 2]
    how = tuple(said(pose, flip=bool(flip)) for pose, flip in zip(poses, flips, strict=True))
    return Copies(compared.keys[found, :2], distances[order], rule, how)
