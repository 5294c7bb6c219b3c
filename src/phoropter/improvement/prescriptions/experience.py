"""What changes brought when they were tried: measured gains take the place of what is believed.

A gain is a share of the error that was left. Of a kind of change after a finding (longer training
after "undertrained", say) it is believed to be normal with the built-in prior's share as mean and
as standard deviation s: most ideas that help on average do nothing in a given case. Half of that
variance is doubt about the change, half are differences between projects:

    elsewhere  y_j ~ N(mu, v_j + t2)     mu ~ N(prior, s^2 / 2)
    here       y_i ~ N(theta, v_i)       theta ~ N(mu, t2)

with v the variances of the measured shares, from the intervals of the paired comparisons. With two
measurements elsewhere or more, t2 is estimated from them (DerSimonian and Laird, "Meta-analysis in
clinical trials", 1986), before it is s^2 / 2. Both normal laws being conjugate, the means follow in
closed form: each is the mean of what is believed and measured, weighted by one over the variances
(empirical Bayes, Efron and Morris, JASA 70, 1975).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from phoropter.core.recipe import Recipe, difference, flat
from phoropter.core.records import Finding, Prescription
from phoropter.improvement.prescriptions.making import UNKNOWN_GAIN
from phoropter.improvement.prescriptions.prescribe import by_gain

LEAST_VARIANCE = 1e-6
"""Of a measured share: two models that agree on every sample are no proof of zero."""
LEAST_DOUBT = 0.02
"""Standard deviation of a built-in share at least."""


@dataclass(frozen=True, slots=True)
class Tried:
    """One change that was tried, and what it brought.

    Args:
        finding: Code of the finding that led to it, or "idea".
        kind: See `kind_of`.
        share: Of the error that was left, how much it removed; negative where it did harm.
        variance: Of `share`, over validation samples.
        gain: The same in the metric's unit, positive is better.
        here: Whether in this project.
    """

    finding: str
    kind: str
    share: float
    variance: float
    gain: float
    here: bool


@dataclass(frozen=True, slots=True)
class Belief:
    """A normal belief about the share of the error that a change removes."""

    mean: float
    variance: float


def kind_of(change: Mapping[str, Any], recipe: Recipe) -> str:
    """What kind of change it is: its keys, with the direction of numbers and the value of words.

    >>> kind_of({"train.epochs": 40, "train.schedule": "cosine"}, Recipe())
    'train.epochs up'
    >>> kind_of({"model.transfer": "finetune", "train.lr": 1e-4}, Recipe())
    'model.transfer finetune, train.lr down'

    Args:
        change: Dotted recipe keys and their new values.
        recipe: What is to be changed; keys that keep their value do not count.
    """
    old = flat(recipe)
    words = []
    for key, value in sorted(difference(recipe, recipe.changed(change)).items()):
        before = old[key]
        numbers = isinstance(value, int | float) and isinstance(before, int | float)
        if numbers and not isinstance(value, bool):
            words.append(f"{key} {'up' if value > before else 'down'}")
        else:
            words.append(f"{key} {value}")
    return ", ".join(words)


def believed(prior: float, tried: Sequence[Tried]) -> Belief:
    """The share of the error that a change is expected to remove here, after what was measured.

    >>> round(believed(0.1, [Tried("overfit", "", 0.0, 0.01, 0.0, here=True)]).mean, 6)
    0.05

    Args:
        prior: The built-in share.
        tried: Changes of the same kind after the same finding.
    """
    doubt = max(abs(prior), LEAST_DOUBT) ** 2
    others = [(one.share, max(one.variance, LEAST_VARIANCE)) for one in tried if not one.here]
    own = [(one.share, max(one.variance, LEAST_VARIANCE)) for one in tried if one.here]
    between = _between(others, default=doubt / 2)
    usual = _updated(
        Belief(prior, doubt / 2), [(share, variance + between) for share, variance in others]
    )
    return _updated(Belief(usual.mean, usual.variance + between), own)


def _updated(belief: Belief, measured: Sequence[tuple[float, float]]) -> Belief:
    """A normal belief after normal measurements of known variance."""
    weights = [1 / belief.variance, *(1 / variance for _, variance in measured)]
    shares = [belief.mean, *(share for share, _ in measured)]
    total = sum(weights)
    mean = sum(weight * share for weight, share in zip(weights, shares, strict=True)) / total
    return Belief(mean, 1 / total)


def _between(measured: Sequence[tuple[float, float]], *, default: float) -> float:
    """Variance between projects, by moments; `default` where fewer than two were measured."""
    if len(measured) < 2:
        return default
    weights = [1 / variance for _, variance in measured]
    total = sum(weights)
    mean = sum(w * share for w, (share, _) in zip(weights, measured, strict=True)) / total
    spread = sum(w * (share - mean) ** 2 for w, (share, _) in zip(weights, measured, strict=True))
    scale = total - sum(w**2 for w in weights) / total
    return max((spread - (len(measured) - 1)) / scale, 0.0)


def informed(
    findings: Iterable[Finding], recipe: Recipe, tried: Sequence[Tried], *, error: float | None
) -> tuple[Finding, ...]:
    """The findings with gains that what was tried before has corrected, best change first.

    Args:
        findings: With prescriptions for `recipe`.
        recipe: Of the run that they are about.
        tried: Everything that was tried, here and elsewhere.
        error: How far the primary metric is from its best value; None if not measured.
    """
    if not error or not tried:
        return tuple(findings)
    corrected = []
    for finding in findings:
        cures = [_informed(cure, finding, recipe, tried, error) for cure in finding.prescriptions]
        corrected.append(replace(finding, prescriptions=tuple(sorted(cures, key=by_gain))))
    return tuple(corrected)


def _informed(
    cure: Prescription, finding: Finding, recipe: Recipe, tried: Sequence[Tried], error: float
) -> Prescription:
    if not cure.change:
        return cure
    kind = kind_of(cure.change, recipe)
    alike = [one for one in tried if (one.finding, one.kind) == (finding.code, kind)]
    if not alike:
        return cure
    gain = UNKNOWN_GAIN if cure.expected_gain is None else cure.expected_gain
    expected = error * believed(gain / error, alike).mean
    return replace(cure, expected_gain=expected, measured=_said(alike))


def _said(alike: Sequence[Tried]) -> str:
    """Why the gain is expected: how often it was tried, and what it brought."""
    words = []
    for here, place in ((True, "here"), (False, "elsewhere")):
        gains = [one.gain if here else one.share for one in alike if one.here == here]
        if gains:
            mean = sum(gains) / len(gains)
            brought = f"{mean:+.4f}" if here else f"{mean:+.1%} of the error that was left"
            words.append(f"Tried {_often(len(gains))} {place}: {brought} on average.")
    return " ".join(words)


def _often(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{count} times")
