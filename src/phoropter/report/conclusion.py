"""What a project amounts to, in sentences."""

from __future__ import annotations

import math

from phoropter.report.content import ReportContent
from phoropter.report.facts import best_simple, primary_of, simple_model_wins
from phoropter.report.numbers import number
from phoropter.report.numbers import reached as reached_text
from phoropter.report.sentences import Sentences

_FEW = 400  # below this the interval of an accuracy near 0.9 is wider than ±0.03


def conclusions(content: ReportContent, say: Sentences) -> tuple[str, ...]:
    """The outcome in a few sentences; the project's own words where it has some."""
    told = content.conclusion or (*_against_simple(content, say), *_steps(content, say))
    if content.openings > 1:
        told = (*told, say("opened-often", count=content.openings))
    return tuple(told)


def opened_for_others(content: ReportContent, say: Sentences) -> str:
    """That the seal was opened, but never for this run; "" where that is not so."""
    if content.test or content.openings == 0:
        return ""
    if content.openings == 1:
        return say("opened-for-other-once")
    return say("opened-for-other", count=number(content.openings))


def limits(content: ReportContent, say: Sentences) -> tuple[str, ...]:
    """What must be kept in mind: the project's own words first."""
    told = list(content.limits)
    if content.checks_left_out:
        told.append(say("not-looked-for", names=", ".join(content.checks_left_out)))
    told += _of_the_test(content, say)
    told.append(say("limit-interval"))
    if content.validation.kind == "classes":
        told.append(say("limit-known"))
    return tuple(told)


def _of_the_test(content: ReportContent, say: Sentences) -> list[str]:
    if not content.test:
        return [say("limit-untested") if content.openings else say("limit-sealed")]
    result = primary_of(content.test, content.primary)
    if result is None or not 0 < result.n < _FEW:
        return []
    half = (result.high - result.low) / 2
    if not math.isfinite(half) or half <= 0:
        return []
    return [say("limit-small", count=number(result.n), width=f"{half:.2g}")]


def _against_simple(content: ReportContent, say: Sentences) -> list[str]:
    best = best_simple(content)
    reached = primary_of(content.final.metrics, content.primary)
    if content.final.summary.epochs == 0 and content.final.summary.features:
        return [say("simple-chosen", name=content.final.recipe.model.name)]
    if best is None or reached is None or not math.isfinite(reached.value):
        return []
    name, metric = best
    values = {"name": name, "metric": metric.name, "value": reached_text(metric)}
    if simple_model_wins(content):
        return [say("simple-wins", **values)]
    return [say("deep-wins", reached=reached_text(reached), **values)]


def _steps(content: ReportContent, say: Sentences) -> list[str]:
    if not content.steps:
        return [say("nothing-tried")]
    adopted = sum(step.accepted for step in content.steps)
    key = "some-helped" if adopted else "nothing-helped"
    return [say(key, count=len(content.steps), adopted=adopted)]
