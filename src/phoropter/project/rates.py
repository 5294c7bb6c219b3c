"""The learning-rate range test of a project's data and a recipe, with its picture."""

from __future__ import annotations

import copy

from phoropter.core.errors import UsageError
from phoropter.core.events import Listener
from phoropter.core.run_records import RangePoint
from phoropter.project.opened import Project, started
from phoropter.project.options import Options
from phoropter.project.results import LrRangeResult
from phoropter.project.steps import planned_baseline
from phoropter.report.figure_page import write_range_test
from phoropter.training.execute import is_classic, learner_of
from phoropter.training.lr_range import suggested, sweep
from phoropter.training.sources import open_for_training

RULE = (
    "Where the smoothed loss falls steepest over the logarithm of the rate, but at most a tenth of "
    "the rate at which it is lowest."
)


def range_test(options: Options, *, steps: int, lang: str, listener: Listener) -> LrRangeResult:
    """Trains a copy at a rising rate and suggests one; nothing of it is kept but the page."""
    with started(options, listener=listener) as project:
        problem = project.problem()
        recipe = planned_baseline(project, problem, options).recipe
        if is_classic(recipe):
            raise UsageError(
                f"The model {recipe.model.name!r} is fitted, and has no learning rate.",
                hint="Choose a network (see: phoropter models).",
            )
        source = open_for_training(recipe, problem, listener=listener)
        learner, objective, data = learner_of(recipe, problem, source)
        learner, objective = copy.deepcopy((learner, objective))
        points = sweep(objective, learner, data, recipe, steps=steps, listener=listener)
        return _result(project, points, lang=lang)


def _result(project: Project, points: tuple[RangePoint, ...], *, lang: str) -> LrRangeResult:
    if not points:
        raise UsageError(
            "The loss is not finite at the smallest rate already.",
            hint="Look at the data (phoropter look) and at the loss (train.loss).",
        )
    suggestion = suggested(points)
    page = project.folder.path / "lr-range.html"
    write_range_test(page, project.dataset.name, points, suggestion, lang=lang)
    lowest = min(points, key=lambda point: point.smoothed)
    return LrRangeResult(
        project=str(project.folder.path),
        suggestion=suggestion,
        rule=RULE,
        lowest_at=lowest.lr,
        ended_at=points[-1].lr,
        steps=len(points),
        points=points,
        page=str(page),
    )
