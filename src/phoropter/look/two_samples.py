"""Do two parts of a data set come from one distribution? Asked of a classifier and of properties.

Sources: Lopez-Paz and Oquab, "Revisiting classifier two-sample tests", ICLR 2017; Rabanser et al.,
"Failing loudly: an empirical study of methods for detecting dataset shift", NeurIPS 2019; the
largest of several statistics under common shuffles: Westfall and Young, "Resampling-based multiple
testing", 1993.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from phoropter.core.seed import derive, generator
from phoropter.look.components import principal
from phoropter.look.evidence import LookEvidence
from phoropter.look.families import joined, links
from phoropter.look.permutation import areas, largest_gaps, out_of_fold, p_value, shuffles
from phoropter.look.properties import light, measured

FEWEST = 20
"""Rows of a part below which nothing is asked: only gross differences could be shown."""

MOST = 600
"""Rows drawn from each side; more would only make tiny differences certain."""

COMPONENTS = 30


@dataclass(frozen=True, eq=False)
class TwoSamples:
    """Rows of the training part and of another one, at most one of a family from each.

    Args:
        rows: Positions in the table, shape (m,).
        second: Whether a row is of the other part, shape (m,).
        strata: A number for each class (or 0), shape (m,); labels are shuffled within it, so that
            other shares of the classes are no difference.
        shuffle_count: How often the sides are shuffled; p-values are multiples of its inverse.
        seed: Decides the shuffles.
    """

    rows: NDArray[np.int64]
    second: NDArray[np.bool_]
    strata: NDArray[np.int64]
    shuffle_count: int
    seed: int

    @property
    def smaller(self) -> int:
        """Rows of the smaller side."""
        return int(min(self.second.sum(), (~self.second).sum()))

    @cached_property
    def drawn(self) -> NDArray[np.bool_]:
        """`second` and its shuffles, shape (m, shuffle_count + 1)."""
        rng = generator(self.seed, "shuffles")
        return shuffles(self.second.astype(np.int64), self.strata, self.shuffle_count, rng).astype(
            bool
        )


@dataclass(frozen=True, slots=True, eq=False)
class ToldApart:
    """How well a linear classifier tells the two samples apart on rows it has not seen.

    Args:
        area: Area under the ROC curve.
        p_value: Among the shuffles.
        scores: Shape (m,); high for rows that look like the other part.
    """

    area: float
    p_value: float
    scores: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Difference:
    """How far a property's distribution differs between the two samples.

    Args:
        name: Of the property.
        gap: Kolmogorov-Smirnov statistic.
        p_value: Corrected for the number of properties.
        first_median: Median of the training rows.
        second_median: Median of the other rows.
    """

    name: str
    gap: float
    p_value: float
    first_median: float
    second_median: float


def draw(evidence: LookEvidence, part: str, shuffle_count: int) -> TwoSamples:
    """Training rows and rows of `part`, one of each family a side, at most `MOST` a side.

    Members of a family (a group, copies) are not independent: shuffling them one by one would
    call any grouped split a shift. Where the split drew the part, neither are those that it kept
    together: of a film cut into five stretches it has dealt five cards.
    """
    seed = derive(evidence.seed, "covariate-shift", part)
    rng = generator(seed, "rows")
    sides = []
    asked = evidence.part_names == part
    given = evidence.dataset.table["part"].is_not_null().to_numpy()
    tied = evidence.families if given[asked].any() else dealt(evidence)
    for mask in (evidence.parts == "train", asked):
        rows = rng.permutation(np.flatnonzero(mask))
        _, first = np.unique(tied[rows], return_index=True)
        sides.append(rows[np.sort(first)][:MOST])
    rows = np.concatenate(sides)
    second = np.arange(len(rows)) >= len(sides[0])
    strata = np.zeros(len(rows), dtype=np.int64)
    if evidence.labels is not None:
        strata = np.unique(evidence.labels[rows], return_inverse=True)[1].astype(np.int64)
    return TwoSamples(rows, second, strata, shuffle_count, seed)


def dealt(evidence: LookEvidence) -> NDArray[np.int64]:
    """A number for each row, shape (n,); rows that the split kept together share it.

    Beside families these are groups that were found. Without a split: the families.
    """
    if evidence.split is None:
        return evidence.families
    known = evidence.split.table.select("id", "unit")
    ids = evidence.dataset.table.select("id")
    names = ids.join(known, on="id", how="left", maintain_order="left")["unit"]
    _, numbers = np.unique(names.fill_null("").to_numpy().astype(np.str_), return_inverse=True)
    tied = links(np.where(names.is_null().to_numpy(), -1, numbers).astype(np.int64))
    return joined(len(ids), np.concatenate([tied, links(evidence.families)]))


def told_apart(evidence: LookEvidence, samples: TwoSamples) -> ToldApart:
    """The classifier two-sample test on principal components of features (or of thumbnails).

    The components are fitted on both samples together, without their labels, so the shuffles
    remain exchangeable.
    """
    small = evidence.thumbnails[samples.rows].astype(np.float64) / 255
    described = small.reshape(len(small), 16, 2, 16, 2).mean(axis=(2, 4)).reshape(len(small), -1)
    if evidence.feature_table is not None:
        described = evidence.feature_table[samples.rows].astype(np.float64)
    components = max(2, min(COMPONENTS, len(described) // 10, described.shape[1]))
    reduction = principal(described, components, seed=samples.seed, name="told-apart")
    properties = np.stack(list(light(evidence.thumbnails[samples.rows]).values()), axis=1)
    inputs = np.concatenate([reduction.transform(described), properties], axis=1)
    targets = samples.drawn.astype(np.float64)
    scores = out_of_fold(inputs, targets, generator(samples.seed, "folds"))
    area = areas(scores, samples.drawn)
    return ToldApart(float(area[0]), p_value(area), scores[:, 0])


def properties_apart(evidence: LookEvidence, samples: TwoSamples) -> list[Difference]:
    """The differences of all properties, the largest gap first."""
    values = {name: column[samples.rows] for name, column in measured(evidence).items()}
    gaps = {name: largest_gaps(column, samples.drawn) for name, column in values.items()}
    largest = np.max(list(gaps.values()), axis=0)
    differences = [
        Difference(
            name=name,
            gap=float(gaps[name][0]),
            p_value=p_value(np.append(gaps[name][0], largest[1:])),
            first_median=float(np.median(column[~samples.second])),
            second_median=float(np.median(column[samples.second])),
        )
        for name, column in values.items()
    ]
    return sorted(differences, key=lambda item: -item.gap)
