"""What a split must keep together, and what it must divide alike."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import polars as pl

from phoropter.core.records import Dataset

BINS = 10
"""Ranges of a numeric target that are divided alike."""

SAMPLES_PER_BIN = 10
"""Fewer samples than this for each range make fewer ranges."""


def units(dataset: Dataset) -> pl.Series:
    """For each row the name of the samples it must stay with: the least of their identifiers.

    Rows belong together that share a group, the content of their image or, where near copies and
    groups were looked for, a family or a found group, directly or through others.
    """
    table = dataset.table
    leader = {name: name for name in table["id"]}

    def root(name: str) -> str:
        while leader[name] != name:
            leader[name] = leader[leader[name]]
            name = leader[name]
        return name

    for column in ("group", "digest", "family", "found"):
        if column not in table.columns:
            continue
        for members in _shared(table, column):
            roots = sorted({root(name) for name in members})
            for other in roots[1:]:
                leader[other] = roots[0]
    return pl.Series("unit", [root(name) for name in table["id"]], dtype=pl.String)


def strata(dataset: Dataset) -> pl.Series:
    """For each row the class, or the range of the first target, as text; "" without targets.

    Ranges hold about equally many samples; equal values are never in two ranges. A sample with
    several classes has a list: each of them and "" for the sample itself, so that the parts' sizes
    are kept as well as the classes' shares.
    """
    if not dataset.targets:
        return pl.Series("stratum", [""] * len(dataset), dtype=pl.String)
    target = dataset.table[dataset.targets[0]]
    if target.dtype == pl.String:
        return target.rename("stratum")
    if target.dtype == pl.List(pl.String):
        itself = pl.lit([""], dtype=pl.List(pl.String))
        listed = target.to_frame().select(stratum=itself.list.concat(target.name))
        return listed.to_series()
    values = target.cast(pl.Float64).to_numpy()
    count = int(np.clip(len(values) // SAMPLES_PER_BIN, 1, BINS))
    edges = np.unique(np.quantile(values, np.linspace(0, 1, count + 1)[1:-1]))
    place = np.searchsorted(edges, values, side="right")
    return pl.Series("stratum", [f"range {number:02d}" for number in place], dtype=pl.String)


def _shared(table: pl.DataFrame, column: str) -> Iterable[list[str]]:
    """The identifiers of the rows that have one value of a column, where there are several."""
    groups = (
        table.filter(pl.col(column).is_not_null())
        .group_by(column)
        .agg("id")
        .filter(pl.col("id").list.len() > 1)
    )
    return groups["id"].to_list()
