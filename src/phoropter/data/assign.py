"""Deals samples out to parts: indivisible units, every stratum in the same shares."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from phoropter.core.seed import derive

Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Assignment:
    """Who goes where.

    Args:
        parts: The part of each sample, by identifier.
        kept_whole: Strata that could not be divided and stay in train, with the reason.
    """

    parts: Mapping[str, str]
    kept_whole: tuple[tuple[str, str], ...]


class _Unit(NamedTuple):
    """Samples that stay together.

    Args:
        name: Identifier.
        draw: Random number that decides the order among units of one size.
        strata: Numbers of the strata it holds samples of.
        counts: How many of each.
        size: How many in all.
    """

    name: str
    draw: int
    strata: tuple[int, ...]
    counts: tuple[int, ...]
    size: int


def assign(
    pool: pl.DataFrame, shares: Mapping[str, float], *, held: Collection[str], seed: int
) -> Assignment:
    """Divides the pool in the wanted shares, each stratum alike as far as the units allow.

    First every stratum gets whole-numbered quotas whose errors cancel over the strata. Then the
    units, large ones first, go where they exceed the quotas least. With units of one sample each,
    the quotas are met exactly.

    Args:
        pool: Columns `id`, `unit` and `stratum`; order does not matter.
        shares: Wanted share of each part, "train" first; they sum to 1.
        held: Units that must stay in train.
        seed: Decides the order among equals.
    """
    names = sorted(pool["stratum"].unique())
    units = _units(pool, names, seed)
    parts = list(shares)
    totals = _totals(units, len(names))
    room = quotas(totals, list(shares.values()))
    place: dict[str, int] = {}
    for unit in sorted(units, key=lambda unit: (unit.name not in held, -unit.size, unit.draw)):
        part = 0 if unit.name in held else _best(room, totals, unit)
        for stratum, count in zip(unit.strata, unit.counts, strict=True):
            room[stratum, part] -= count
        place[unit.name] = part
    _give_train_every_stratum(units, place, len(names))
    by_sample = {name: parts[place[unit]] for name, unit in pool.select("id", "unit").iter_rows()}
    return Assignment(by_sample, _kept_whole(units, names, totals) if len(parts) > 1 else ())


def quotas(totals: Counts, shares: Sequence[float]) -> Counts:
    """Whole numbers near totals x shares, shape (strata, parts), rows summing to the totals.

    Each is less than 1 from the exact value (but for train, the first part, which gets at least
    one sample of every stratum), and the rounding errors of the columns are carried from stratum
    to stratum, so that the parts' sizes are right too.

    >>> quotas(np.array([10, 5, 1]), [0.6, 0.2, 0.2]).tolist()
    [[6, 2, 2], [3, 1, 1], [1, 0, 0]]
    """
    exact = np.outer(totals, shares)
    result = np.floor(exact + 1e-9).astype(np.int64)
    owed = np.zeros(len(shares))
    for stratum, total in enumerate(totals):
        left = int(total - result[stratum].sum())
        fraction = exact[stratum] - result[stratum]
        if total > 0 and result[stratum, 0] == 0 and left:
            fraction[0] = np.inf  # train is served first: an unseen class cannot be predicted
        claims = np.where(fraction > 1e-9, owed + fraction, -np.inf)
        for part in np.argsort(-claims, kind="stable")[:left]:
            result[stratum, part] += 1
        owed += exact[stratum] - result[stratum]
    return result


def _units(pool: pl.DataFrame, names: Sequence[str], seed: int) -> list[_Unit]:
    number = {name: place for place, name in enumerate(names)}
    sizes = (
        pool.group_by("unit", "stratum").len().sort("unit", "stratum")
        .group_by("unit", maintain_order=True).agg("stratum", "len")
    )  # fmt: skip
    return [
        _Unit(
            name,
            derive(seed, "split", name),
            tuple(number[stratum] for stratum in strata),
            tuple(counts),
            sum(counts),
        )
        for name, strata, counts in sizes.iter_rows()
    ]


def _totals(units: Sequence[_Unit], strata: int) -> Counts:
    totals = np.zeros(strata, dtype=np.int64)
    for unit in units:
        for stratum, count in zip(unit.strata, unit.counts, strict=True):
            totals[stratum] += count
    return totals


def _best(room: Counts, totals: Counts, unit: _Unit) -> int:
    """The part whose quotas the unit fits best: the least growth of the squared relative error."""
    if unit.size == 1:
        return int(room[unit.strata[0]].argmax())
    counts = np.array(unit.counts)[:, None]
    growth = (counts - 2 * room[list(unit.strata)]) * counts
    of_strata = (growth / totals[list(unit.strata), None]).sum(axis=0)
    of_sizes = (unit.size - 2 * room.sum(axis=0)) * unit.size / totals.sum()
    return int(np.argmin(of_strata + of_sizes))


def _give_train_every_stratum(units: Sequence[_Unit], place: dict[str, int], strata: int) -> None:
    """Moves the smallest unit of a stratum that train lacks into train."""
    seen = {stratum for unit in units if place[unit.name] == 0 for stratum in unit.strata}
    for stratum in sorted(set(range(strata)) - seen):
        if stratum in seen:
            continue
        holders = [unit for unit in units if stratum in unit.strata]
        moved = min(holders, key=lambda unit: (unit.size, unit.draw))
        place[moved.name] = 0
        seen |= set(moved.strata)


def _kept_whole(
    units: Sequence[_Unit], names: Sequence[str], totals: Counts
) -> tuple[tuple[str, str], ...]:
    holders = np.zeros(len(names), dtype=np.int64)
    for unit in units:
        for stratum in unit.strata:
            holders[stratum] += 1
    return tuple(
        (name, "it has one sample" if total == 1 else "its samples belong together")
        for name, holding, total in zip(names, holders, totals, strict=True)
        if holding == 1
    )
