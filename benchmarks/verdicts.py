"""Whether verdicts are true: equals told apart, differences found.

Run: python benchmarks/verdicts.py [--parts null networks power] [--cache DIR]

null      500 pairs without any difference: the real answers of two networks on digits, of which a
          coin decides, sample by sample, whose is whose.
networks  500 pairs of networks of one recipe under two seeds, each pair on its own draw of digits;
          and groups of three against three, compared over seeds.
power     Planted differences of 1, 2 and 5 points on 200, 1,000 and 5,000 samples: how often one is
          found, beside what theory says of McNemar's test (exact, and Connor's normal formula).

Verdicts are those of the first look, where they are given most easily. Aims: at most 5 % of equals
are called better or worse; coverage from 93 to 97 %. Shares carry exact 95 % binomial intervals.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import ab_same_recipe as networks
import numpy as np
import torch
from scipy.stats import binomtest, norm

from phoropter.comparison.looks import threshold
from phoropter.comparison.mcnemar import discordant, exact_p, power
from phoropter.comparison.permutation import permutation_p
from phoropter.comparison.seeds import seeds_test
from phoropter.core.predictions import ClassPredictions
from phoropter.core.seed import generator
from phoropter.metrics import named
from phoropter.report.svg import drawing, element, frame, join

PAIRS = 500
GROUPS = 100
SUBSET = 300
CLASS_METRICS = ("accuracy", "macro_f1", "roc_auc", "log_loss", "ece")
LEVEL = threshold(1)
DELTAS, SIZES = (0.01, 0.02, 0.05), (200, 1000, 5000)
RIGHT, DISCORDANT = 0.85, 0.10
TRIALS = 500
STYLE = (
    "text{font:13px sans-serif;fill:#333}.grid{stroke:#ddd}.axis{stroke:#555}.paper{fill:#fdfcfa}"
)
MARGIN = 8
PICTURE = Path(__file__).parents[1] / "docs" / "assets" / "power.svg"


def share(hits: int, trials: int) -> str:
    ends = binomtest(hits, trials).proportion_ci()
    return f"{hits / trials:6.1%} [{ends.low:.1%}, {ends.high:.1%}] of {trials}"


def tell_null(cache: Path) -> None:
    """Verdicts on pairs in which nothing differs: the answers of two networks, exchanged."""
    pairs = list(trained(cache, PAIRS))
    for name in CLASS_METRICS:
        values = [p_value(*exchanged(*pairs[number], number), name) for number in range(PAIRS)]
        given, nominal = (sum(p <= limit for p in values) for limit in (LEVEL, 0.05))
        print(f"  {name:10} verdict {share(given, PAIRS)}   p <= 0.05 {share(nominal, PAIRS)}")


def exchanged(
    a: ClassPredictions, b: ClassPredictions, number: int
) -> tuple[ClassPredictions, ...]:
    """A subset of the samples, on which a coin decides whose answer is whose."""
    draw = generator(0, "exchange", number)
    rows = draw.choice(len(a), SUBSET, replace=False)
    coin = draw.integers(0, 2, SUBSET).astype(bool)[:, None]
    one, other = a.probabilities[rows], b.probabilities[rows]
    part = replace(a.take(rows), ids=np.arange(SUBSET).astype(np.str_))
    first, second = np.where(coin, one, other), np.where(coin, other, one)
    return replace(part, probabilities=first), replace(part, probabilities=second)


def trained(cache: Path, count: int) -> Iterator[tuple[ClassPredictions, ClassPredictions]]:
    """Pairs of networks of one recipe, each pair on its own draw; made once."""
    for number in range(count):
        yield (
            spoken(cache, number, 2 * number),
            spoken(cache, number, 2 * number + 1),
        )


def spoken(cache: Path, draw: int, seed: int) -> ClassPredictions:
    """What the network of a seed says on the draw's validation digits."""
    kept = cache / f"network-{draw}-{seed}.npz"
    order = generator(0, "pair", draw).permutation(len(networks.LABELS))
    held, pool = np.sort(order[: networks.VALIDATION]), order[networks.VALIDATION :]
    if not kept.exists():
        said = networks.train(np.sort(pool[: networks.SAME]), held, seed)
        np.savez(kept, probabilities=said.probabilities)
    with np.load(kept) as found:
        return ClassPredictions(
            held.astype(np.str_), networks.LABELS[held], found["probabilities"], tuple("0123456789")
        )


def tell_networks(cache: Path) -> None:
    """Verdicts on two seeds of one recipe: as models, and as recipes over three seeds each."""
    pairs = list(trained(cache, PAIRS))
    for name in CLASS_METRICS[:4]:
        values = [p_value(a, b, name) for a, b in pairs]
        print(f"  {name:10} two models: {share(sum(p <= LEVEL for p in values), PAIRS)}")
    apart = [sum(discordant(a, b)) / len(a) for a, b in pairs]
    print(f"  on {np.mean(apart):.3f} of the samples only one of the two is right")
    for name in CLASS_METRICS[:4]:
        values = [_over_seeds(cache, number, name) for number in range(GROUPS)]
        given, nominal = (sum(p <= limit for p in values) for limit in (LEVEL, 0.05))
        print(
            f"  {name:10} over three seeds each: {share(given, GROUPS)}   "
            f"p <= 0.05 {share(nominal, GROUPS)}"
        )


def _over_seeds(cache: Path, draw: int, name: str) -> float:
    seeds = (2 * draw, 2 * draw + 1, *(100_000 + 4 * draw + number for number in range(4)))
    said = [spoken(cache, draw, seed) for seed in seeds]
    return seeds_test(said[::2], said[1::2], named(name), seed=draw).test.p_value


def planted(count: int, delta: float, seed: int) -> tuple[ClassPredictions, ClassPredictions]:
    """Two classifiers, the second better by `delta`, that differ on a tenth of the samples."""
    draw = generator(seed, "planted", count, str(delta))
    truth = draw.integers(0, 2, count)
    only_a, only_b = (DISCORDANT - delta) / 2, (DISCORDANT + delta) / 2
    both = RIGHT - only_a
    kind = draw.choice(4, count, p=[both, only_a, only_b, 1 - both - only_a - only_b])
    sure = draw.uniform(0.55, 0.95, size=(2, count))
    tables = []
    for right, chance in zip((kind <= 1, (kind == 0) | (kind == 2)), sure, strict=True):
        own = np.where(right, chance, 1 - chance)
        second = np.where(truth == 1, own, 1 - own)
        ids = np.arange(count).astype(np.str_)
        tables.append(ClassPredictions(ids, truth, np.stack([1 - second, second], 1), ("x", "y")))
    return tables[0], tables[1]


def normal_power(count: int, delta: float) -> float:
    """Connor (1987), "Sample size for testing differences in proportions", Biometrics 43."""
    limit = norm.isf(LEVEL / 2) * DISCORDANT**0.5
    return float(norm.cdf((count**0.5 * delta - limit) / (DISCORDANT - delta**2) ** 0.5))


def tell_power(_cache: Path) -> None:
    """How often planted differences are found, beside theory, as a table and a picture."""
    found: dict[tuple[float, int], float] = {}
    print("  points  samples   found (accuracy)            exact  normal   macro F1")
    for delta in DELTAS:
        for count in SIZES:
            pairs = [planted(count, delta, seed) for seed in range(TRIALS)]
            hits = sum(_better(*pair, "accuracy") for pair in pairs)
            by_f1 = sum(_better(*pair, "macro_f1") for pair in pairs)
            found[delta, count] = hits / TRIALS
            print(
                f"  {100 * delta:6.0f}  {count:7}   {share(hits, TRIALS)}   "
                f"{_theory(count, delta):.3f}  {normal_power(count, delta):.3f}    "
                f"{by_f1 / TRIALS:.3f}"
            )
    PICTURE.write_text(_picture(found), encoding="utf-8")
    print(f"  picture: {PICTURE}")


def _better(a: ClassPredictions, b: ClassPredictions, name: str) -> bool:
    metric = named(name)
    return metric(b) > metric(a) and p_value(a, b, name) <= LEVEL


def p_value(a: ClassPredictions, b: ClassPredictions, name: str) -> float:
    """As `compare` finds it, without the interval."""
    if name == "accuracy":
        return exact_p(*discordant(a, b))
    return permutation_p(a, b, named(name), decisive=LEVEL, seed=0)


def _theory(count: int, delta: float) -> float:
    return power(count, (DISCORDANT - delta) / 2, (DISCORDANT + delta) / 2, level=LEVEL)


def _picture(found: dict[tuple[float, int], float]) -> str:
    """Lines by theory and dots as measured, as a file that stands alone, on paper of its own."""
    area = frame((100.0, 10_000.0), (0.0, 1.0), size=(560, 320), log_x=True)
    parts = [area.axes("validation samples", "share found")]
    counts = np.unique(np.geomspace(100, 10_000, 60).round().astype(int))
    for delta, colour in zip(DELTAS, ("#8a5a00", "#2c6e49", "#1f4e8c"), strict=True):
        points = area.place([(int(n), _theory(int(n), delta)) for n in counts])
        path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
        parts.append(element("path", d=path, fill="none", stroke=colour, stroke_width=2))
        for count in SIZES:
            [(x, y)] = area.place([(count, found[delta, count])])
            parts.append(element("circle", cx=x, cy=y, r=4.5, fill=colour))
        x, y = points[len(points) * 2 // 3]
        words = f"{100 * delta:.0f} point{'s' if delta > 0.01 else ''}"
        parts.append(element("text", words, x=x + 8, y=y + 14, style=f"fill:{colour}"))
    size = {"width": area.width + 2 * MARGIN, "height": area.height + 2 * MARGIN}
    chart = drawing(
        join(
            [
                element("style", STYLE),
                element("rect", **size, class_="paper"),
                element("g", join(parts), transform=f"translate({MARGIN} {MARGIN})"),
            ]
        ),
        **size,
        label="Share of planted differences that are found: lines by theory, dots as measured",
    )
    return str(chart).replace("<svg", '<svg xmlns="http://www.w3.org/2000/svg"', 1)


PARTS: dict[str, Callable[[Path], None]] = {
    "null": tell_null,
    "networks": tell_networks,
    "power": tell_power,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument(
        "--cache", type=Path, default=Path(tempfile.gettempdir()) / "phoropter-verdicts"
    )
    chosen = parser.parse_args()
    chosen.cache.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    for name in chosen.parts:
        begun = time.perf_counter()
        print(f"{name} (level {LEVEL})", flush=True)
        PARTS[name](chosen.cache)
        print(f"  {time.perf_counter() - begun:.0f} s")


if __name__ == "__main__":
    main()
