"""Which runs the suite is made of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from faults import FAULTS
from pair import Pair
from pairs import PAIRS

from phoropter.core.seed import derive

HEALTHY = "healthy"
BY_LOT = 9
"""Faults that are planted into a drawn pair."""


@dataclass(frozen=True, order=True)
class Key:
    """A run of the suite: what is trained, what is wrong with it, and the seed."""

    pair: str
    fault: str
    seed: int


def planned(
    part: str, seeds: int, only: tuple[str, ...] = (), *, healthy: int = 10
) -> Iterator[Key]:
    """All runs of a part of the suite, healthy ones and references first.

    What others are compared with is trained as often as healthy runs: one run of a few images is
    mostly luck. Drawn pairs, which are known to be sound for one seed, have one run of each.

    Args:
        part: Which pairs: "tune", "report", "drawn", or "all" that were chosen.
        seeds: Runs of every fault on every pair it fits.
        only: Pairs and faults; all if empty.
        healthy: Runs of every pair without a fault, and of every reference.
    """
    wanted = set(only)
    parts = {"tune", "report"} if part == "all" else {part}
    pairs = [pair for pair in PAIRS.values() if pair.part in parts]
    if wanted & set(PAIRS):
        pairs = [pair for pair in pairs if pair.name in wanted]
    kinds = wanted - set(PAIRS)
    if unknown := kinds - {HEALTHY, *FAULTS}:
        raise SystemExit(f"There is no such fault or pair: {', '.join(sorted(unknown))}.")
    order = [HEALTHY, *sorted(FAULTS, key=lambda name: bool(FAULTS[name].right))]
    for name in order if not kinds else [name for name in order if name in kinds]:
        for pair in pairs:
            if name == HEALTHY or name in plantings(pair):
                runs = seeds if name != HEALTHY and FAULTS[name].right else healthy
                most = 1 if pair.part == "drawn" else runs
                yield from (Key(pair.name, name, seed) for seed in range(min(runs, most)))


def plantings(pair: Pair) -> set[str]:
    """The faults that are planted into a pair, and their references.

    All that fit; of a drawn pair nine by lot.
    """
    fitting = [fault for fault in FAULTS.values() if fault.fits(pair)]
    if pair.number is None:
        return {fault.name for fault in fitting}
    number = pair.number
    sick = [fault for fault in fitting if fault.right]
    # The lowest of draws of their own: a fault more takes the place of one at most.
    sick.sort(key=lambda fault: derive(number, "fault", fault.name))
    chosen = sick[:BY_LOT]
    return {name for fault in chosen for name in (fault.name, fault.reference) if name}
