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

MEASURED = 200
"""Training images up to which fine-tuning was measured to be no better (docs/transfer.md)."""

_PASS = 4
"""A pass in forward passes of the training images: backward counts two, the measuring one."""


def weighed(plan: Plan, options: Options, problem: Problem, *, listener: Listener) -> Plan:
    """The plan, which begins with frozen features, and why: what fine-tuning would cost here.

    The cheap network goes first; the loop tries the dear one where the diagnosis calls for it. A
    plan that trains no head on frozen features, and whatever the user decided about the model,
    stays as it is.

    Args:
        plan: The first recipe.
        options: What the user asked for.
        problem: On what.
        listener: Told the reason.
    """
    recipe = plan.recipe
    decided = options.recipe is not None or any(
        key.startswith("model.") for key in options.settings
    )
    if decided or is_classic(recipe.model.name) or frozen_trunk(recipe) in {"", "pixels"}:
        return plan
    samples = len(problem.rows("train"))
    if samples <= MEASURED:
        reason = (
            f"Frozen features, for {samples} training images are few: up to {MEASURED} fine-tuning "
            "was measured to be no better, at many times the cost (docs/transfer.md)."
        )
    else:
        tuned = recipe.changed({**fine_tuning(recipe), **options.settings})
        epochs, pass_s = tuned.train.epochs, _PASS * forward_s(tuned, problem, listener=listener)
        reason = (
            f"Frozen features first: to fine-tune with {samples} training images would take about "
            f"{epochs * pass_s:.0f} s here ({epochs} passes of {pass_s:.1f} s)."
        )
    listener(Note(reason))
    return replace(plan, reasons=(*plan.reasons, reason))
