"""What a user says to the loop: take this step after all, undo that one, leave those keys alone."""

from __future__ import annotations

from dataclasses import dataclass, replace

from phoropter.core.errors import UsageError
from phoropter.core.events import Note
from phoropter.improvement.trial import Trial
from phoropter.project.bench import ProjectBench
from phoropter.project.reference import standing
from phoropter.project.results import STEERING, Step


@dataclass(frozen=True, slots=True)
class Steering:
    """What the user asks of `improve` besides a change of their own.

    Args:
        accept: Number of a refused step whose run becomes the reference.
        refuse: Number of an accepted step to go back behind.
        pin: Recipe keys, or whole sections of them, that the loop leaves as they are.
        unpin: Those that it may change again.
    """

    accept: int | None = None
    refuse: int | None = None
    pin: tuple[str, ...] = ()
    unpin: tuple[str, ...] = ()


def steered(bench: ProjectBench, reference: Trial, asked: Steering) -> Trial:
    """The reference after the user's word on earlier steps, which is noted as steps of its own.

    The runs are compared all the same, so that the ledger says what the word costs.

    Raises:
        UsageError: If there is no such step, or it says so already.
    """
    if asked.accept is not None:
        step = _step(bench, asked.accept)
        if step.accepted:
            raise UsageError(f"Step {step.number} was accepted already.", hint=_HINT)
        reference = _moved(bench, reference, step.b, f"Accepted by you: step {step.number}.", step)
    if asked.refuse is not None:
        step = _step(bench, asked.refuse)
        if not step.accepted:
            raise UsageError(f"Step {step.number} was refused already.", hint=_HINT)
        reference = _moved(bench, reference, step.a, f"Refused by you: step {step.number}.", step)
    return reference


_HINT = "The steps are in the report, and in what `phoropter improve --json` prints."


def _step(bench: ProjectBench, number: int) -> Step:
    steps = {step.number: step for step in bench.project.notebook.steps()}
    if number not in steps:
        there = f"1 to {max(steps)}" if steps else "none yet"
        raise UsageError(f"There is no step {number}; the steps are {there}.", hint=_HINT)
    return steps[number]


def _moved(bench: ProjectBench, reference: Trial, run: str, reason: str, step: Step) -> Trial:
    """Makes a run of an earlier step the reference."""
    chosen = standing(bench, run)
    if chosen.run == reference.run:
        return reference
    comparison = bench.judge(reference, chosen).comparison
    notebook = bench.project.notebook
    notebook.record_step(
        replace(
            step,
            number=len(notebook.steps()) + 1,
            finding=STEERING,
            a=reference.run,
            b=chosen.run,
            metric=comparison.metric,
            delta=comparison.delta,
            low=comparison.low,
            high=comparison.high,
            verdict=comparison.verdict,
            accepted=True,
            reason=reason,
            seconds=0.0,
        )
    )
    bench.project.listener(Note(reason))
    return chosen
