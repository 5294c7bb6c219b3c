"""The straight line, from data to a model, one function a stage.

look → split → ladder → baseline → improve → open the seal → hand over
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from phoropter.core.checksums import write_record
from phoropter.core.events import Listener, Note
from phoropter.core.recipe import Recipe
from phoropter.improvement.loop import Loop, Turn
from phoropter.improvement.search import has_search
from phoropter.improvement.trial import Trial
from phoropter.metrics import named
from phoropter.project.baseline import Plan, first_recipe, ladder
from phoropter.project.bench import ProjectBench
from phoropter.project.closing import close_project
from phoropter.project.conclusion import UNSEARCHED
from phoropter.project.experience import share_experience
from phoropter.project.folder import Folder
from phoropter.project.looking import look_and_note
from phoropter.project.opened import Project, check_seed, existing, started
from phoropter.project.options import Options
from phoropter.project.pins import keep_pins, read_pins
from phoropter.project.reference import (
    baseline_run,
    gone_on,
    latest,
    led_to,
    reference_so_far,
    standing,
)
from phoropter.project.results import ProjectResult, Step
from phoropter.project.searching import ProjectSearcher
from phoropter.project.steering import Steering, steered
from phoropter.project.tracking import tracked
from phoropter.project.transfer import enlarged, sized, weighed
from phoropter.report.sentences import Sentences
from phoropter.training.problem import Problem

_BASELINE_SHARE = 0.4
"""Share of the time left that the first network may take; the rest is the loop's."""

_LOOKING_SHARE = 0.15
"""Share of the time left once the features are there, after which nothing further is looked for in
the data."""

_LADDER_SHARE = 0.2
"""Share of the time left after which no further simple model is fitted, two being the least."""

_CLOSING_SHARE = 0.12
"""Share of the budget kept for the test, the report and the bundle."""

_CLOSING_S = 12.0
"""And at least as many seconds: what a network of Lite0's size needs to be exported and checked."""


@dataclass(frozen=True, slots=True)
class Budget:
    """The time a project may take.

    Args:
        begun: Reading of `time.monotonic` at its start.
        total_s: Seconds it may take in all.
    """

    begun: float
    total_s: float

    @property
    def deadline(self) -> float:
        """The last moment, as `time.monotonic` reads it, at which a run may end."""
        return (
            self.begun
            + self.total_s
            - min(max(_CLOSING_SHARE * self.total_s, _CLOSING_S), 0.5 * self.total_s)
        )

    @property
    def left_s(self) -> float:
        """Seconds until then; negative after it."""
        return self.deadline - time.monotonic()

    @property
    def spent_s(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self.begun


def run_project(
    options: Options, budget: Budget, *, listener: Listener, lang: str = "en"
) -> ProjectResult:
    """The whole line for one data set, within a budget of wall time."""
    Sentences(lang)  # a language that there is not is refused before the time is spent
    check_seed(options)
    with started(options, listener=listener) as project:
        problem = project.problem()
        project.check_images()
        bench = ProjectBench(project, problem, lambda: budget.left_s, budget.deadline)
        bench.pins = read_pins(project.folder)
        first = first_of(bench, options, budget)
        look_and_note(
            project,
            problem.split,
            like=first.plan.recipe,
            left_s=budget.left_s,
            deadline=lambda: time.monotonic() + _LOOKING_SHARE * budget.left_s,
        )
        baseline = make_baseline(bench, first, options, budget)
        reference = standing(bench, led_to(project, baseline.run))
        if reference.run != baseline.run:  # which has had its time
            reference = gone_on(bench, reference)
        loop = improve_from(bench, reference, budget, own=None)
        return close_project(
            project, problem, bench, loop, spent_s=lambda: budget.spent_s, lang=lang
        )


def improve_project(
    place: str | Path,
    own: Mapping[str, Any],
    budget: Budget,
    *,
    steering: Steering,
    track: str | None,
    listener: Listener,
    lang: str = "en",
) -> ProjectResult:
    """Goes on with the loop from the run that is the reference so far."""
    Sentences(lang)
    folder = Folder(Path(place).expanduser().resolve())
    with tracked(track, folder, listener) as told, existing(folder, listener=told) as project:
        project.check_images()
        problem = project.problem()
        bench = ProjectBench(project, problem, lambda: budget.left_s, budget.deadline)
        bench.pins = keep_pins(folder, pin=steering.pin, unpin=steering.unpin)
        reference = standing(bench, reference_so_far(project))
        reference = gone_on(bench, steered(bench, reference, steering))
        loop = improve_from(bench, reference, budget, own=own or None)
        return close_project(
            project, problem, bench, loop, spent_s=lambda: budget.spent_s, lang=lang
        )


def planned_baseline(project: Project, problem: Problem, options: Options) -> Plan:
    """The recipe the user brought, or the one that these data call for."""
    given = options.given_recipe()
    if given is not None:
        plan = Plan(given, ("The first recipe is the one you gave.",))
    else:
        plan = first_recipe(
            project.dataset,
            train_samples=len(problem.rows("train")),
            seed=project.settings.seed,
            grouped=problem.split.grouped,
        )
    if problem.metric.startswith("cost(") and plan.recipe.predict.threshold == "none":
        # Not a change to be proven: of given probabilities it is the best answer (Elkan 2001).
        why = "The class of least expected cost is named, as the metric asks."
        recipe = plan.recipe.changed({"predict.threshold": problem.metric})
        plan = Plan(recipe, (*plan.reasons, why))
    for reason in plan.reasons:
        project.listener(Note(reason))
    return Plan(plan.recipe.changed(options.settings), plan.reasons)


@dataclass(frozen=True, slots=True)
class First:
    """With what a project begins.

    Args:
        plan: The first recipe and why.
        begun: Whether it is the one from which this project went on before.
    """

    plan: Plan
    begun: bool


def first_of(bench: ProjectBench, options: Options, budget: Budget) -> First:
    """The first recipe, with images as large as there is time for.

    A project that has begun goes on from its own first recipe, however it would be planned today:
    what was accepted since then follows on it.
    """
    listener = bench.project.listener
    recipe = None if options.recipe is not None else latest(bench, "baseline")
    if recipe is not None and recipe.changed(options.settings) == recipe:
        listener(Note("This project goes on from its own first recipe."))
        return First(Plan(recipe, ()), begun=True)
    plan = planned_baseline(bench.project, bench.problem, options)
    for fitted in (sized, enlarged):
        plan = fitted(plan, options, bench.problem, seconds=budget.left_s, listener=listener)
    return First(plan, begun=False)


def make_baseline(bench: ProjectBench, first: First, options: Options, budget: Budget) -> Trial:
    """The ladder of simple models, then the first recipe, shortened to its share of the time."""
    plan, listener = first.plan, bench.project.listener
    if first.begun:
        recipe = plan.recipe
        _climb(bench, latest(bench, "ladder") or recipe, budget)
    else:
        _climb(bench, plan.recipe, budget)
        plan = weighed(plan, options, bench.problem, listener=listener)
        recipe = bench.planned_baseline(plan.recipe, seconds=_BASELINE_SHARE * budget.left_s)
    trial = bench.run(recipe, role="baseline")
    listener(Note(f"Baseline {recipe.model.name}: {_score(trial)}."))
    return trial


def _climb(bench: ProjectBench, first: Recipe, budget: Budget) -> None:
    """Fits the simple models, two at least, while they take little of the time."""
    simple = ladder(first, samples=len(bench.problem.rows("train")))
    end = time.monotonic()
    for at, recipe in enumerate(simple):
        trial = bench.run(recipe, role="ladder")
        bench.project.listener(Note(f"{recipe.model.name}: {_score(trial)}."))
        if at == 0:  # which has waited for the features
            end = time.monotonic() + _LADDER_SHARE * budget.left_s
        elif (rest := simple[at + 1 :]) and time.monotonic() > end:
            names = ", ".join(other.model.name for other in rest)
            bench.project.listener(Note(f"Left out, to save time for networks: {names}."))
            break


def improve_from(
    bench: ProjectBench, reference: Trial, budget: Budget, *, own: Mapping[str, Any] | None
) -> Loop:
    """The loop, each turn noted in the notebook; returns it with its final reference."""
    project = bench.project
    first = standing(bench, baseline_run(project)).recipe
    loop = Loop(
        bench=bench,
        reference=reference,
        greater_is_better=named(bench.problem.metric).greater_is_better,
        seconds_left=lambda: budget.left_s,
        tried=bench.tried_digests(),
        searcher=ProjectSearcher(bench, first) if has_search() else None,
        combiner=bench,
        listener=project.listener,
    )
    begun = time.monotonic()
    for turn in loop.turns(own):
        step = noted(turn, number=len(project.notebook.steps()) + 1, begun=begun)
        project.notebook.record_step(step)
        verb = "accepted" if step.accepted else "refused"
        what = f"Step {step.number} ({step.finding}): {step.advice}"
        project.listener(Note(f"{what} {verb}. {step.reason}"))
        begun = time.monotonic()
    share_experience(project.notebook)
    ending = {"stopped_by": loop.stopped_by, "unsearched": loop.unsearched}
    write_record(project.folder.ending, ending)
    if loop.unsearched:
        project.listener(Note(UNSEARCHED))
    project.listener(Note(f"Stopped: {loop.stopped_by}."))
    return loop


def noted(turn: Turn, *, number: int, begun: float) -> Step:
    """A turn of the loop as the ledger keeps it."""
    comparison = turn.judgement.comparison
    return Step(
        number=number,
        finding=turn.candidate.finding,
        change=dict(turn.candidate.change),
        advice=turn.candidate.advice,
        a=turn.reference.run,
        b=turn.challenger.run,
        metric=comparison.metric,
        delta=comparison.delta,
        low=comparison.low,
        high=comparison.high,
        verdict=comparison.verdict,
        accepted=turn.decision.accepted,
        reason=turn.decision.reason,
        seconds=time.monotonic() - begun,
    )


def _score(trial: Trial) -> str:
    score = trial.score
    return f"{score.name} {score.value:.4f} [{score.low:.4f}, {score.high:.4f}] on validation"
