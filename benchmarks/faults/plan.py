"""Which runs the suite is made of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from faults import FAULTS
from pairs import PAIRS

HEALTHY = "healthy"


@dataclass(frozen=True, order=True)
class Key:
    """A run of the suite: what is trained, what is wrong with it, and the seed."""

    pair: str
    fault: str
    seed: int


def planned(
    half: str, seeds: int, only: tuple[str, ...] = (), *, healthy: int = 10
) -> Iterator[Key]:
    """All runs of a half ("tune", "report" or "all"), healthy ones and references first.

    What others are compared with is trained as often as healthy runs: one run of a few images is
    mostly luck.

    Args:
        half: Which pairs.
        seeds: Runs of every fault on every pair it fits.
        only: Pairs and faults; all if empty.
        healthy: Runs of every pair without a fault, and of every reference.
    """
    wanted = set(only)
    pairs = [pair for pair in PAIRS.values() if half in {pair.half, "all"}]
    if wanted & set(PAIRS):
        pairs = [pair for pair in pairs if pair.name in wanted]
    kinds = wanted - set(PAIRS)
    if unknown := kinds - {HEALTHY, *FAULTS}:
        raise SystemExit(f"There is no such fault or pair: {', '.join(sorted(unknown))}.")
    order = [HEALTHY, *sorted(FAULTS, key=lambda name: bool(FAULTS[name].right))]
    for name in order if not kinds else [name for name in order if name in kinds]:
        for pair in pairs:
            if name == HEALTHY:
                yield from (Key(pair.name, name, seed) for seed in range(healthy))
            elif FAULTS[name].fits(pair):
                runs = seeds if FAULTS[name].right else healthy
                yield from (Key(pair.name, name, seed) for seed in range(runs))
