"""The hidden-group probe: do pictures that follow each other belong to one writer, session, film?

A cheap model (the nearest neighbour by thumbnails) is judged twice: with folds drawn at random, and
with folds that are contiguous stretches of the files' order. Where rows are exchangeable both
measure the same; where neighbours in the order share a writer, only the former can look at the
same hand, and its error is too small.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from phoropter.core.seed import generator
from phoropter.data.moments import natural_order
from phoropter.data.units import strata
from phoropter.look.evidence import LookEvidence
from phoropter.look.families import first_of_each
from phoropter.look.neighbours import nearest, picture_vectors, unit_vectors, vector_neighbours

Numbers = NDArray[np.float64]
Codes = NDArray[np.int64]

ALPHA = 0.001
SHUFFLES = 999
ENOUGH_EXCEEDANCES = 10
"""Shuffles go on until so many were as extreme (Besag and Clifford, "Sequential Monte Carlo
p-values", 1991), which takes few where there is nothing to find."""

RISE = 0.1
RISE_OF_DISTANCE = 0.02
"""The least rise of the error, or of the distance to the nearest picture, that is worth a word."""

SORTED = 0.9
"""Rank correlation of the order and a number from which the files count as sorted by it."""

FOLDS = 5
FEWEST = 100
MOST = 20_000
RUNS = 20
"""Of larger sets 20 long runs are probed, cut out at even distances."""

NEIGHBOURS = 40
"""Looked through for one in another fold: that none is found has a probability of 0.2^40."""

AVERAGED = 3
COMPONENTS = 64


@dataclass(frozen=True, slots=True)
class OrderProbe:
    """What the probe found.

    Args:
        measure: "error", "absolute error" (in standard deviations of the target) or "distance".
        mixed: Its mean under folds drawn at random.
        blocks: The same under contiguous folds.
        p_value: Of so large a rise if the order did not matter.
        rows: Pictures it rests on.
    """

    measure: str
    mixed: float
    blocks: float
    p_value: float
    rows: int

    @property
    def found(self) -> bool:
        """Whether the order carries groups: surely, and so that it matters."""
        least = RISE_OF_DISTANCE if self.measure == "distance" else RISE
        return self.p_value <= ALPHA and self.blocks >= (1 + least) * self.mixed


def probe(evidence: LookEvidence, units: Codes) -> OrderProbe | None:
    """Judges the nearest neighbour under mixed and under contiguous folds, or None for few rows.

    Folds are cut and drawn within each class (or range of the target), so that files sorted by
    class are no groups; files sorted by a number are not judged. Repeats and copies are left out.

    Args:
        evidence: The samples.
        units: A number for each row (n,); rows of one unit are never divided, so that groups
            that are known do not make the point again.
    """
    rows = _probed(evidence)
    if len(rows) < FEWEST:
        return None
    vectors = unit_vectors(
        picture_vectors(evidence.thumbnails[rows])[0], seed=evidence.seed, most=COMPONENTS
    )
    judge = _Judge.of(evidence, rows)
    if judge.sorted_by_target():
        return None
    _, unit = np.unique(units[rows], return_inverse=True)
    first = np.unique(unit, return_index=True)[1]
    stratum = _strata(evidence)[rows][first]
    # Rows are in order, so that the first row of a unit says where the unit stands.
    place = np.argsort(np.argsort(first, kind="stable"), kind="stable")
    cut = _cut(place, stratum)
    observed = judge.of_blocks(vectors, cut[unit])
    near = vector_neighbours(vectors, min(NEIGHBOURS, len(rows) - 1), seed=evidence.seed)
    rng = generator(evidence.seed, "file-order")
    drawn: list[float] = []
    exceeded = 0
    while len(drawn) < SHUFFLES and exceeded < ENOUGH_EXCEEDANCES:
        shuffled = _cut(rng.permutation(len(place)), stratum)[unit]
        drawn.append(judge.of_folds(near.rows, near.distances, shuffled))
        exceeded += drawn[-1] >= observed - 1e-12
    done = exceeded == ENOUGH_EXCEEDANCES
    p = exceeded / len(drawn) if done else (exceeded + 1) / (len(drawn) + 1)
    return OrderProbe(judge.measure, float(np.mean(drawn)), observed, p, len(rows))


@dataclass(frozen=True, slots=True, eq=False)
class _Judge:
    """How well the target (n,) of a row follows from those of its nearest rows."""

    measure: str
    target: Numbers

    @classmethod
    def of(cls, evidence: LookEvidence, rows: Codes) -> _Judge:
        """By class, by the first number, or where there is neither by the distance itself."""
        if evidence.labels is not None:
            codes = np.unique(evidence.labels, return_inverse=True)[1]
            return cls("error", codes[rows].astype(np.float64))
        if evidence.dataset.task == "regression":
            name = evidence.dataset.targets[0]
            values = evidence.dataset.table[name].cast(pl.Float64).to_numpy()[rows]
            return cls("absolute error", (values - values.mean()) / max(values.std(), 1e-12))
        return cls("distance", np.zeros(len(rows)))

    @property
    def count(self) -> int:
        """Neighbours that are asked: one for classes, a few to average for numbers."""
        return AVERAGED if self.measure == "absolute error" else 1

    def sorted_by_target(self) -> bool:
        """Whether the order is that of the numbers: stretches are then ranges, not groups."""
        from scipy.stats import rankdata

        if self.measure != "absolute error" or np.ptp(self.target) == 0:
            return False
        ranks = rankdata(self.target)
        return bool(abs(np.corrcoef(np.arange(len(ranks)), ranks)[0, 1]) > SORTED)

    def of_blocks(self, vectors: NDArray[np.float32], fold: Codes) -> float:
        """The measure where the neighbours of each fold are looked for in the others."""
        total = 0.0
        for held_out in np.unique(fold):
            judged, known = np.flatnonzero(fold == held_out), np.flatnonzero(fold != held_out)
            near = nearest(vectors[known], vectors[judged], self.count - 1, seed=0)
            total += float(self._each(judged, known[near.rows], near.distances).sum())
        return total / len(fold)

    def of_folds(self, near: Codes, distances: Numbers, fold: Codes) -> float:
        """The same from the nearest neighbours over all (n, k), those of the own fold skipped."""
        other = fold[near] != fold[:, None]
        row = np.arange(len(near))
        columns: list[Codes] = []
        found = np.zeros(len(near), dtype=bool)
        for _ in range(self.count):
            columns.append(other.argmax(axis=1))
            found = other[row, columns[-1]]
            other[row, columns[-1]] = False
        rows = np.flatnonzero(found)
        chosen = np.stack(columns, axis=1)[rows]
        asked = near[rows[:, None], chosen]
        return float(self._each(rows, asked, distances[rows[:, None], chosen]).mean())

    def _each(self, rows: Codes, asked: Codes, distances: Numbers) -> Numbers:
        if self.measure == "distance":
            return distances[:, 0]
        told = self.target[asked]
        if self.measure == "error":
            return np.asarray(told[:, 0] != self.target[rows], dtype=np.float64)
        return np.asarray(np.abs(told.mean(axis=1) - self.target[rows]))


def _probed(evidence: LookEvidence) -> Codes:
    """The rows that take part, in the order of their files."""
    once = first_of_each(len(evidence.dataset), [*evidence.twins, *evidence.copies.pairs])
    order = natural_order(evidence.dataset.table["path"].to_list())
    rows = order[(once & evidence.shows_something)[order]]
    if len(rows) <= MOST:
        return rows
    starts = np.linspace(0, len(rows) - MOST // RUNS, RUNS).astype(np.int64)
    return np.asarray(rows[(starts[:, None] + np.arange(MOST // RUNS)).ravel()], dtype=np.int64)


def _strata(evidence: LookEvidence) -> Codes:
    """A number for the class or range of each row; of several classes the first one counts."""
    names = strata(evidence.dataset)
    if names.dtype == pl.List(pl.String):
        names = names.list.get(1, null_on_oob=True)  # the first entry stands for the sample itself
    spelt = names.fill_null("").to_numpy().astype(np.str_)
    return np.asarray(np.unique(spelt, return_inverse=True)[1], dtype=np.int64)


def _cut(place: Codes, stratum: Codes) -> Codes:
    """A fold for each unit: its stratum's units by place, cut into equal runs; shape (m,)."""
    order = np.lexsort((place, stratum))
    sizes = np.bincount(stratum)
    start = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    rank = np.empty(len(place), dtype=np.int64)
    rank[order] = np.arange(len(place)) - start[stratum[order]]
    return rank * FOLDS // sizes[stratum]
