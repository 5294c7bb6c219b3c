"""What is to be said about a project when it closes, in sentences that follow from its numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from phoropter.comparison.methods import on_same_samples
from phoropter.comparison.paired import compare
from phoropter.core.checksums import read_record
from phoropter.core.records import Comparison, Metric
from phoropter.metrics import named
from phoropter.project.results import STEERING, Step
from phoropter.project.run_record import RunRecord
from phoropter.training.execute import is_classic

UNSEARCHED = (
    "No recipes were searched, although there was time: that needs Optuna "
    "(pip install 'phoropter[tune]')."
)
"""Said where a search was left out."""

_LEVEL = 0.05


def was_unsearched(ending: Path) -> bool:
    """Whether the loop, when it last ended, left out a search for want of Optuna.

    Args:
        ending: The project's record of it, if there is one.
    """
    return ending.exists() and bool(read_record(ending).get("unsearched"))


def concluded(
    final: RunRecord,
    ladder: Mapping[str, RunRecord],
    steps: Sequence[Step],
    *,
    among: tuple[int, Metric] | None = None,
    unsearched: bool = False,
) -> dict[str, tuple[str, ...]]:
    """What the changes came to, how they were judged, the simple models, the luck of the best.

    Each sentence comes with the runs it rests on.

    Args:
        final: The chosen run.
        ladder: The simple models.
        steps: Of the loop.
        among: Of how many runs it has the lowest validation error, and the optimism of that.
        unsearched: Whether a search was left out for want of Optuna.
    """
    own = final.summary.run
    compared = tuple(dict.fromkeys(run for step in steps for run in (step.a, step.b) if run))
    told = {_on_changes(steps): compared or (own,)}
    for method in dict.fromkeys(on_same_samples(step.metric) for step in steps):
        told[f"How changes were judged: {method}"] = compared
    if unsearched:
        told[UNSEARCHED] = (own,)
    simple = best_simple(ladder)
    if simple is not None:
        pair = dict.fromkeys((own, simple.summary.run))
        told[_on_simple_models(final, simple)] = tuple(pair)
    if among is not None:
        told[_on_luck(*among)] = (own,)
    return told


def best_simple(ladder: Mapping[str, RunRecord]) -> RunRecord | None:
    """The simple model with the best validation score."""
    records = list(ladder.values())
    if not records:
        return None
    sign = 1.0 if named(records[0].summary.metric).greater_is_better else -1.0
    return max(records, key=lambda record: sign * record.score.value)


def _on_changes(steps: Sequence[Step]) -> str:
    words = sum(step.finding == STEERING for step in steps)
    if words:
        tried = _on_changes([step for step in steps if step.finding != STEERING])
        return f"{tried} You decided {words} of the steps yourself."
    accepted = [step for step in steps if step.accepted]
    if not steps:
        return "No change was tried: the budget left no time for one, or none was worth trying."
    if not accepted:
        return (
            f"Nothing helped: none of the {len(steps)} changes tried was shown to be better than "
            "the baseline."
        )
    advice = " ".join(step.advice for step in accepted)
    return f"{len(accepted)} of {len(steps)} changes tried were shown to help: {advice}"


def _on_simple_models(final: RunRecord, simple: RunRecord) -> str:
    if is_classic(final.recipe):
        return f"The simple model wins: {final.recipe.model.name} was chosen over the network."
    name = simple.recipe.model.name
    if not (final.summary.steps or final.recipe.predict.ensemble):
        return (
            "The network made no step, as there was no time for one: what it answers is not "
            f"learnt. Give it more time, or take the best simple model, {name}."
        )
    comparison = _against(simple, final)
    numbers = (
        f"{comparison.metric} {comparison.delta:+.4f} "
        f"[{comparison.low:+.4f}, {comparison.high:+.4f}] on the validation part"
    )
    greater = named(final.summary.metric).greater_is_better
    gain = comparison.delta if greater else -comparison.delta
    if gain > 0 and comparison.p_value <= _LEVEL:
        return f"The network is ahead of the best simple model, {name}: {numbers}."
    if gain < 0 and comparison.p_value <= _LEVEL:
        return f"The simple model wins: {name} is ahead (network minus {name}: {numbers})."
    return (
        f"The network is not shown to be better than the simple model {name}: {numbers}. "
        "Where cost matters, take the simple one."
    )


def _on_luck(count: int, flattered: Metric) -> str:
    return (
        f"It has the lowest validation error of {count} runs, which flatters it by about "
        f"{flattered.value:.4f} [{flattered.low:.4f}, {flattered.high:.4f}] (the best of resampled "
        "validation parts, judged on the samples left out); the sealed test is not flattered."
    )


def _against(simple: RunRecord, final: RunRecord) -> Comparison:
    """The paired difference; stated, not used to choose, and so no look."""
    return compare(
        simple.compared,
        final.compared,
        final.summary.metric,
        names=(simple.summary.run, final.summary.run),
        looks=1,
    )
