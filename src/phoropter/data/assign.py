"""Deals samples out to parts: indivisible units, every stratum in the same shares."""

from __future__ import annotations

from collections import Counter
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
    the quotas are met exactly. Where samples count for several strata, they are dealt stratum by
    stratum, the rarest of what is left first (Sechidis, Tsoumakas and Vlahavas, "On
    the stratification of multi-label data", ECML PKDD 2011).

    Args:
        pool: Columns `id`, `unit` and `stratum` (a text, or a list of them where a sample counts
            for several); order does not matter.
        shares: Wanted share of each part, "train" first; they sum to 1.
        held: Units that must stay in train.
        seed: Decides the order among equals.
    """
    names, units = _counted(pool, seed)
    parts = list(shares)
    totals = _totals(units, len(names))
    room = quotas(totals, list(shares.values()), first_served=True)
    if _several(pool):
        place = _dealt_by_rarity(units, room, held=held)
    else:
        place = _dealt(units, room, totals, held=held)
    _give_train_every_stratum(units, place, len(names))
    by_sample = {name: parts[place[unit]] for name, unit in pool.select("id", "unit").iter_rows()}
    return Assignment(by_sample, _kept_whole(units, names, totals) if len(parts) > 1 else ())


def fold_numbers(pool: pl.DataFrame, count: int, *, seed: int) -> dict[str, int]:
    """Divides the pool in `count` folds alike; the fold of each sample by its identifier.

    Args:
        pool: As for `assign`.
        count: How many folds; the pool must have as many units.
        seed: Decides the order among equals.
    """
    names, units = _counted(pool, seed)
    totals = _totals(units, len(names))
    room = quotas(totals, [1 / count] * count, first_served=False)
    if _several(pool):
        place = _dealt_by_rarity(units, room, held=())
    else:
        place = _dealt(units, room, totals, held=())
    return {name: place[unit] for name, unit in pool.select("id", "unit").iter_rows()}


def quotas(totals: Counts, shares: Sequence[float], *, first_served: bool) -> Counts:
    """Whole numbers near totals x shares, shape (strata, parts), rows summing to the totals.

    Each is less than 1 from the exact value (but for the first part where it is served first: it
    gets at least one sample of every stratum), and the rounding errors of the columns are carried
    from stratum to stratum, so that the parts' sizes are right too.

    >>> quotas(np.array([10, 5, 1]), [0.6, 0.2, 0.2], first_served=True).tolist()
    [[6, 2, 2], [3, 1, 1], [1, 0, 0]]
    """
    exact = np.outer(totals, shares)
    result = np.floor(exact + 1e-9).astype(np.int64)
    owed = np.zeros(len(shares))
    for stratum, total in enumerate(totals):
        left = int(total - result[stratum].sum())
        fraction = exact[stratum] - result[stratum]
        if first_served and total > 0 and result[stratum, 0] == 0 and left:
            fraction[0] = np.inf  # train: an unseen class cannot be predicted
        claims = np.where(fraction > 1e-9, owed + fraction, -np.inf)
        for part in np.argsort(-claims, kind="stable")[:left]:
            result[stratum, part] += 1
        owed += exact[stratum] - result[stratum]
    return result


def _several(pool: pl.DataFrame) -> bool:
    """Whether a sample counts for several strata."""
    return pool["stratum"].dtype == pl.List(pl.String)


def _counted(pool: pl.DataFrame, seed: int) -> tuple[list[str], list[_Unit]]:
    """The names of the strata and the units with what they hold of each."""
    single = pool.explode("stratum") if _several(pool) else pool
    names = sorted(single["stratum"].unique())
    return names, _units(single, names, seed)


def _dealt(
    units: Sequence[_Unit], room: Counts, totals: Counts, *, held: Collection[str]
) -> dict[str, int]:
    """The part of each unit, large ones first; `room`, the quotas left, is used up."""
    place: dict[str, int] = {}
    for unit in sorted(units, key=lambda unit: (unit.name not in held, -unit.size, unit.draw)):
        place[unit.name] = 0 if unit.name in held else _best(room, totals, unit)
        _take(room, unit, place[unit.name])
    return place


def _dealt_by_rarity(
    units: Sequence[_Unit], room: Counts, *, held: Collection[str]
) -> dict[str, int]:
    """The same where units count for several strata: those of the rarest stratum left go first.

    Each goes to the part that lacks most of that stratum, of equals to the one that lacks most of
    the unit's others.
    """
    place = {unit.name: 0 for unit in units if unit.name in held}
    for unit in units:
        if unit.name in held:
            _take(room, unit, 0)
    left = sorted((unit for unit in units if unit.name not in held), key=lambda unit: unit.draw)
    while left:
        counts = Counter(stratum for unit in left for stratum in unit.strata)
        rarest = min(counts, key=lambda stratum: (counts[stratum], stratum))
        for unit in left:
            if rarest in unit.strata:
                others = room[list(unit.strata)].sum(axis=0)
                part = int(np.lexsort((others, room[rarest]))[-1])
                place[unit.name] = part
                _take(room, unit, part)
        left = [unit for unit in left if rarest not in unit.strata]
    return place


def _take(room: Counts, unit: _Unit, part: int) -> None:
    for stratum, count in zip(unit.strata, unit.counts, strict=True):
        room[stratum, part] -= count


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
