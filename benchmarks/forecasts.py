"""Whether the gain from more data is forecast rightly: held-back sizes of real learning curves.

Run: python benchmarks/forecasts.py [--data DIR] [--cache DIR] [--tested N] [--choose] [--apart]

Each forecast sees what nested parts of a quarter of the training samples reach; what twice and four
times that quarter reach is held back (`learning_curves.py` says how, and trains). Aim: the 90 %
interval holds the truth in at least 80 %, the median absolute error is at most one point.

A forecast tells two things, and both are judged. Its median is the expected error at a size: the
truth is the mean over the extensions of what was seen, on the same test samples ("mean"). Its
interval is to hold the error of one network: that of the first extension ("one"). The absolute
error of the median from that one network is shown too; no forecast can know that network's luck.
"least" is the median absolute error of somebody who knows the expected error exactly, by how much
networks on different extensions differ. What the forecast sees has noise of the same kind: "if all
were so" is the median absolute error on simulated curves, each the member of a family that fits a
real curve best, held-back sizes too, with the noise that is assumed. --apart forecasts as if the
noise of sizes had nothing in common, as was done before.

What is believed of curves in advance (`Belief`) was chosen on other data (`beliefs.py`). With
--choose, each set is also forecast with the belief that is best on all other sets of its kind (by
the logarithmic score of a normal law with the forecast's median and interval; Gneiting and Raftery,
"Strictly proper scoring rules, prediction, and estimation", JASA 102, 2007).
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from learning_curves import SEEDS, TIMES, Curve, Measured, curves, place_given
from numpy.typing import NDArray
from scipy.stats import norm

from phoropter.comparison import curve_noise
from phoropter.comparison.curve_noise import shared
from phoropter.comparison.forecast import Trained, continued, forecast, seen_curve
from phoropter.comparison.learning_curve import Belief, members, posterior, usual
from phoropter.core.seed import generator

BELIEFS = tuple(
    Belief(power, spread, restless, others, 0.03, small)
    for power, spread, restless, others, small in product(
        (0.3, 0.5, 0.7), (0.6, 1.0), (0.33, 0.5), (0.1, 0.3), (0.0, 1.0, 2.0)
    )
)
"""That are compared."""
SIMULATED = 8  # curves for each forecast


@dataclass(frozen=True)
class Outcome:
    """A forecast beside what was held back: errors in per cent, NaN where none was made.

    Args:
        times: As many samples as were seen.
        mean: Error over all extensions.
        one: Error of the network on the first.
        told: Median of the forecast.
        low: Lower end of its interval.
        high: Upper end.
        line: What the peer tells.
        present: Error with what was seen.
        noise: Estimated variance of `mean` over extensions, squared points.
        of: The set.
        simulated: Absolute errors on simulated curves.
    """

    times: int
    mean: float
    one: float
    told: float
    low: float
    high: float
    line: float
    present: float
    noise: float
    of: str = ""
    simulated: tuple[float, ...] = ()

    @property
    def held(self) -> bool:
        """Whether the interval holds the error of one network."""
        return self.low <= self.one <= self.high


def parts_of(found: Measured, wrong: NDArray[np.float64]) -> Trained:
    """What the forecast sees of the mistakes."""
    seen = found.levels >= 0
    return Trained(found.sizes[seen], found.levels[seen], wrong[seen], np.ones(wrong.shape[1]))


def simulated(curve: Curve, outcomes: list[Outcome], belief: Belief) -> NDArray[np.float64]:
    """Absolute errors in points where the curve is a member and its noise as assumed.

    Args:
        curve: That the member is to fit, in the mean over its seeds.
        outcomes: Of it, those of all seeds for one size after the other.
        belief: That decides the member, and that the forecasts have.

    Returns:
        Shape (seeds, `SIMULATED`, sizes).
    """
    seen = [seen_curve(parts_of(each, (~each.right).astype(np.float64))) for each in curve.seeds]
    now = seen[0].sizes[-1]
    every = np.concatenate([seen[0].sizes, now * np.array(TIMES)])
    truths = np.array([one.mean for one in outcomes]).reshape(-1, SEEDS).mean(axis=1) / 100
    errors = np.concatenate([np.mean([each.errors for each in seen], axis=0), truths])
    known = members(every, present=now, belief=belief)
    draw = generator(0, "forecasts", "simulated")
    apart = []
    for each in seen:
        later = each.noise.variance(truths, every[-len(TIMES) :], floor=1e-4)
        deviation = np.sqrt(np.concatenate([each.variances, later]))
        covariance = shared(every, every) * np.outer(deviation, deviation)
        best = posterior(errors, covariance, known)
        at = best.weight.argmax()
        points = draw.multivariate_normal(
            best.present[at] * known.shapes[at], covariance, SIMULATED
        )
        for point in np.clip(points, 1e-4, 1.0):
            gains, _ = continued(replace(each, errors=point[: -len(TIMES)]), belief)
            told = np.array([gain.error for gain in gains])
            apart.append(100 * np.abs(told - point[-len(TIMES) :]))
    return np.array(apart).reshape(len(seen), SIMULATED, len(TIMES))


def judged(found: Measured, belief: Belief, tested: int | None) -> list[Outcome]:
    """The forecasts of all `TIMES` from what the quarter shows, on so many test samples."""
    wrong = (~found.right[:, :tested]).astype(np.float64)
    trained = parts_of(found, wrong)
    told = forecast(trained, belief=belief)
    outcomes = []
    spread = 0.0  # of one network, where a size has several
    for level, times in enumerate(TIMES, start=1):
        errors = 100 * wrong[found.levels == -level].mean(axis=1)
        spread = float(errors.var(ddof=1)) if len(errors) > 1 else spread
        gain = next((gain for gain in told.gains if gain.times == times), None)
        ends = (np.nan,) * 3 if gain is None else (gain.error, gain.error_low, gain.error_high)
        line = straight_line(trained, times)
        present = told.levels[-1].error
        outcomes.append(
            Outcome(
                times,
                float(errors.mean()),
                float(errors[0]),
                *(100 * end for end in ends),
                line=100 * line,
                present=100 * present,
                noise=spread / len(errors),
            )
        )
    return outcomes


def least_error(outcomes: list[Outcome]) -> float:
    """Expected median absolute error of who knows the expected errors: normal noise, simulated.

    The seeds of a curve come one after the other, and share the mean of their noise.
    """
    noise = np.array([one.noise for one in outcomes]).reshape(-1, SEEDS).mean(axis=1)
    draws = generator(0, "forecasts", "least").standard_normal((2_000, len(outcomes)))
    return float(np.median(np.abs(draws) * np.sqrt(np.repeat(noise, SEEDS)), axis=1).mean())


def over_sets(outcomes: list[Outcome]) -> tuple[float, float]:
    """90 % interval of the median absolute error: sets resampled, with all their curves."""
    made = [one for one in outcomes if not np.isnan(one.told)]
    sets = {of: [abs(o.told - o.mean) for o in made if o.of == of] for of in {o.of for o in made}}
    each = [sets[of] for of in sorted(sets)]
    draws = generator(0, "forecasts", "sets").integers(len(each), size=(2_000, len(each)))
    medians = [np.median(np.concatenate([each[at] for at in draw])) for draw in draws]
    low, high = np.quantile(medians, (0.05, 0.95))
    return float(low), float(high)


def straight_line(trained: Trained, times: int) -> float:
    """The peer: a line through the logarithms of all sizes and errors, the plain power law."""
    errors = np.maximum(trained.wrong.mean(axis=1), 0.5 / trained.wrong.shape[1])
    slope, rest = np.polyfit(np.log(trained.sizes), np.log(errors), 1)
    return float(np.exp(rest + slope * np.log(times * trained.sizes.max())))


def summary(outcomes: list[Outcome]) -> str:
    """Coverage and median absolute errors, in points, of ours, the line and no change."""
    made = [one for one in outcomes if not np.isnan(one.told)]
    held = np.mean([one.held for one in made])
    ours, line, same = (
        np.median([abs(getattr(one, name) - one.mean) for one in made])
        for name in ("told", "line", "present")
    )
    single = np.median([abs(one.told - one.one) for one in made])
    bias = np.mean([one.told - one.mean for one in made])
    width = np.median([one.high - one.low for one in made])
    low, high = over_sets(made)
    so = np.median([error for one in made for error in one.simulated])
    return (
        f"{len(made):>3} of {len(outcomes)} forecast   in the 90 % interval {held:.2f} "
        f"(width {width:.1f})   median error: of the mean {ours:.2f} [{low:.2f}, "
        f"{high:.2f}] (least {least_error(outcomes):.2f}, if all were so {so:.2f}), of one network "
        f"{single:.2f}, line {line:.2f}, no change {same:.2f}   bias {bias:+.2f}"
    )


def log_score(outcomes: list[Outcome]) -> float:
    """Of normal laws with the forecasts' medians and intervals, summed; larger is better."""
    within = 2 * norm.isf(0.05)
    total = 0.0
    for one in outcomes:
        if not np.isnan(one.told):
            total += norm.logpdf(one.one, one.told, (one.high - one.low) / within)
    return float(total)


def _judged(curve: Curve, belief: Belief, tested: int | None) -> list[Outcome]:
    """The outcomes of a curve, those of all seeds for one size after the other."""
    runs = [judged(found, belief, tested) for found in curve.seeds]
    outcomes = [one for some in zip(*runs, strict=True) for one in some]
    errors = simulated(curve, outcomes, belief).transpose(2, 0, 1).reshape(len(outcomes), -1)
    return [
        replace(one, of=curve.of, simulated=tuple(error.tolist()))
        for one, error in zip(outcomes, errors, strict=True)
    ]


def left_out(some: list[Curve], tested: int | None) -> Iterator[tuple[Curve, list[Outcome]]]:
    """The outcomes of each curve under the belief that is best on all other sets of its kind.

    Sets of two classes are one kind, all others the other.
    """
    told = [[_judged(curve, belief, tested) for belief in BELIEFS] for curve in some]
    scores = np.array([[log_score(outcomes) for outcomes in each] for each in told])
    said = set()
    for curve, each in zip(some, told, strict=True):
        others = [one.of != curve.of and (one.classes == 2) == (curve.classes == 2) for one in some]
        best = int(scores[others].sum(axis=0).argmax())
        if curve.of not in said:
            print(f"without {curve.of:<16} {BELIEFS[best]}")
            said.add(curve.of)
        yield curve, each[best]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--tested", type=int, help="so many test samples at most")
    parser.add_argument("--choose", action="store_true", help="compare beliefs, set by set")
    parser.add_argument("--apart", action="store_true", help="as if sizes shared no samples")
    arguments, place = place_given(parser)
    if arguments.apart:
        curve_noise.SHARED = 1e-9
    outcomes: dict[str, list[Outcome]] = {}
    print(
        f"{'curve':<40} {'times':>5} {'mean':>6} {'one':>6} {'told':>6} {'90 % interval':>15} "
        f"{'held':>5} {'error':>6}"
    )
    every = []
    for curve in curves(place):
        every.append(curve)
        found = _judged(curve, usual(curve.classes), arguments.tested)
        outcomes.setdefault(curve.group, []).extend(found)
        for at in range(0, len(found), SEEDS):
            some = found[at : at + SEEDS]
            print(_line(f"{curve.name} {curve.head} ({curve.group[0]})", some), flush=True)
    if arguments.choose:
        for curve, found in left_out(every, arguments.tested):
            outcomes.setdefault(f"{curve.group}, left out", []).extend(found)
    for suffix in ("", ", left out") if arguments.choose else ("",):
        both = outcomes.get("reported" + suffix, []) + outcomes.get("fresh" + suffix, [])
        if both:
            outcomes["reported and fresh" + suffix] = both
    for group, told in outcomes.items():
        for times in TIMES:
            chosen = [one for one in told if one.times == times]
            print(f"{group:<28} {times} times: {summary(chosen)}")
        print(f"{group:<28} both   : {summary(told)}")


def _line(name: str, outcomes: list[Outcome]) -> str:
    """The means over the seeds; the error is the mean of the absolute ones."""
    fields = ("mean", "one", "told", "low", "high")
    mean, one, told, low, high = (
        np.mean([getattr(some, field) for some in outcomes]) for field in fields
    )
    held = f"{sum(some.held for some in outcomes)}/{len(outcomes)}"
    error = np.mean([abs(some.told - some.mean) for some in outcomes])
    interval = f"{low:.1f} to {high:.1f}"
    return (
        f"{name:<40} {outcomes[0].times:>5} {mean:>6.1f} {one:>6.1f} {told:>6.1f} {interval:>15} "
        f"{held:>5} {error:>6.2f}"
    )


if __name__ == "__main__":
    main()
