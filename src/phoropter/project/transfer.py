"""Frozen features or fine-tuning: by the number of images, what a pass costs here, and the time."""

from __future__ import annotations

from dataclasses import replace

from phoropter.core.events import Listener, Note
from phoropter.improvement.prescriptions.changes import fine_tuning
from phoropter.models.catalog import frozen_trunk, is_classic
from phoropter.project.baseline import Plan
from phoropter.project.options import Options
from phoropter.training.estimate import forward_s
from phoropter.training.problem import Problem

ENOUGH = 500
"""Training images from which on fine-tuning is taken where there is time. With up to 200 it was
measured to be no better, but the distance shrank with every doubling (docs/transfer.md)."""

_SHARE = 0.5
"""Of the time there is: fine-tuning must fit into it by the reckoning, which may be wrong."""

_PASS = 4
"""A pass in forward passes of the training images: backward counts two, the measuring one."""


def weighed(
    plan: Plan, options: Options, problem: Problem, *, seconds: float | None, listener: Listener
) -> Plan:
    """The plan with the kind of transfer learning that data, machine and time call for, and why.

    A plan that trains no head on frozen features, and whatever the user decided about the model,
    stays as it is.

    Args:
        plan: The first recipe.
        options: What the user asked for.
        problem: On what.
        seconds: That its run may take; None: no limit was given.
        listener: Told the reason.
    """
    recipe = plan.recipe
    decided = options.recipe is not None or any(
        key.startswith("model.") for key in options.settings
    )
    if decided or is_classic(recipe.model.name) or frozen_trunk(recipe) in {"", "pixels"}:
        return plan
    tuned = recipe.changed({**fine_tuning(recipe), **options.settings})
    samples, epochs = len(problem.rows("train")), tuned.train.epochs
    few = f"{samples} training images"
    if samples < ENOUGH:
        reason = (
            f"Frozen features, for {few} are few: below {ENOUGH} nothing speaks for fine-tuning, "
            "which costs many times as much (measured in docs/transfer.md)."
        )
        return _told(replace(plan, reasons=(*plan.reasons, reason)), listener)
    pass_s = _PASS * forward_s(tuned, problem, listener=listener)
    cost = f"about {epochs * pass_s:.0f} s here ({epochs} passes of {pass_s:.1f} s)"
    if seconds is not None and epochs * pass_s <= _SHARE * seconds:
        reason = (
            f"All layers are fine-tuned: {few} are enough to try it, and it takes {cost}, "
            f"which fits into the {seconds:.0f} s there are."
        )
        return _told(Plan(tuned, (*plan.reasons[:-1], reason)), listener)
    limit = "no budget was given" if seconds is None else f"there are {seconds:.0f} s for it"
    reason = (
        f"Frozen features first: {few} are enough to try fine-tuning, but it would take {cost}, "
        f"and {limit}."
    )
    return _told(replace(plan, reasons=(*plan.reasons, reason)), listener)


def _told(plan: Plan, listener: Listener) -> Plan:
    listener(Note(plan.reasons[-1]))
    return plan
